package promapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
)

const queryPath = "/api/v1/query"

// Query asks for what an expression has at an instant, to the millisecond. None of
// the samples is nil.
func (c *Client) Query(ctx context.Context, text string, at time.Time) (model.Vector, error) {
	var data struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	}
	form := url.Values{"query": {text}, "time": {seconds(at)}}
	if err := c.JSON(ctx, queryPath, form, &data); err != nil {
		return nil, err
	}
	if data.ResultType != "vector" {
		return nil, fmt.Errorf("answer is of the type %q, not a vector", data.ResultType)
	}
	var answer model.Vector
	if err := json.Unmarshal(data.Result, &answer); err != nil {
		return nil, fmt.Errorf("answer is not a vector: %w", err)
	}
	if slices.Contains(answer, nil) {
		return nil, errors.New("answer with a series that is null")
	}
	return answer, nil
}

// seconds writes an instant as the API takes it.
func seconds(at time.Time) string {
	return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', -1, 64)
}
