package promapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Query asks for what an expression has at an instant, to the millisecond. None of
// the samples is nil.
func (c *Client) Query(ctx context.Context, text string, at time.Time) (answer model.Vector, err error) {
	err = c.ask(func(e *endpoint) error {
		value, _, _, err := e.api.Query(ctx, text, at)
		if err != nil {
			return err
		}
		var ok bool
		if answer, ok = value.(model.Vector); !ok {
			return fmt.Errorf("answer is a %T, not a vector", value)
		}
		if slices.Contains(answer, nil) {
			return errors.New("answer with a series that is null")
		}
		return nil
	})
	return answer, err
}

// LabelValues asks for the values that a label has between two times, to the
// millisecond. Both ends are in the range.
func (c *Client) LabelValues(ctx context.Context, label string, from, to time.Time) (values model.LabelValues, err error) {
	err = c.ask(func(e *endpoint) (err error) {
		values, _, _, err = e.api.LabelValues(ctx, label, nil, from, to)
		return err
	})
	return values, err
}

// Stream asks for an answer of any length, that of a path which is VictoriaMetrics'
// own, and lets read have it as it comes. What read has had of an answer that was cut
// off ends with an error.
func (c *Client) Stream(ctx context.Context, path string, form url.Values, read func(io.Reader) error) error {
	return c.ask(func(e *endpoint) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url.JoinPath(path).String(), strings.NewReader(form.Encode()))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := c.streams.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if !tellsItsEnd(resp) {
			return ErrEndless
		}
		return read(resp.Body)
	})
}
