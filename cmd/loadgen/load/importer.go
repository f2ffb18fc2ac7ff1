package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	importTimeout = time.Minute
	// importBatch is after how many bytes a batch is sent.
	importBatch = 4 << 20
	// answerShown bounds what is shown of an answer.
	answerShown = 200
)

// ErrImport is returned when VictoriaMetrics does not take the samples.
var ErrImport = errors.New("load: import failed")

// importer sends samples in batches, so that it needs the memory of one.
type importer struct {
	url     string
	client  *http.Client
	metrics []string // to be sent; nil means all
	batch   []byte
	samples int
}

// add takes a report of a cluster at a time. Each of its lines gets the label
// cluster_id and a timestamp.
func (im *importer) add(ctx context.Context, report []byte, cluster string, at time.Time) error {
	for line := range bytes.Lines(report) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		name := bytes.IndexAny(line, "{ ")
		if im.metrics != nil && !slices.Contains(im.metrics, string(line[:name])) {
			continue
		}
		im.batch = append(im.batch, line[:name]...)
		im.batch = append(im.batch, `{cluster_id="`...)
		im.batch = append(im.batch, cluster...)
		if line[name] == '{' {
			im.batch = append(im.batch, `",`...)
			im.batch = append(im.batch, line[name+1:]...)
		} else {
			im.batch = append(im.batch, `"}`...)
			im.batch = append(im.batch, line[name:]...)
		}
		im.batch = append(im.batch, ' ')
		im.batch = strconv.AppendInt(im.batch, at.UnixMilli(), 10)
		im.batch = append(im.batch, '\n')
		im.samples++
	}
	if len(im.batch) < importBatch {
		return nil
	}
	return im.flush(ctx)
}

func (im *importer) flush(ctx context.Context) error {
	if len(im.batch) == 0 {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, im.url, bytes.NewReader(im.batch))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrImport, err)
	}
	req.Header.Set("Content-Type", "text/plain")
	res, err := im.client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrImport, err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, answerShown)) // for the message only
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%w: answer %d: %s", ErrImport, res.StatusCode, text)
	}
	im.batch = im.batch[:0]
	return nil
}
