package backfill

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	clusterPath    = "/select/0/prometheus"
	singleNodePath = "/prometheus"

	exportPath = "/api/v1/export"
	listPath   = "/api/v1/label/cluster_id/values"
)

const (
	// tries is how often a question is asked, with pauses that grow from a second
	// to 30: what is away for a minute or two does not end a run of hours.
	tries = 8
	// askTime bounds one try.
	askTime = 2 * time.Minute
	// longestPause bounds what an answer may ask for.
	longestPause = time.Minute
	// lineBytes bounds a line of an export, listBytes a list of ids.
	lineBytes = 4 << 20
	listBytes = 64 << 20
	// rowsPerLine keeps lines far below lineBytes.
	rowsPerLine = "1000"
	// listed is how many ids VictoriaMetrics lists at most unless it was told
	// otherwise (-search.maxTagValues). It does not say that it left any out.
	listed = 100_000
)

var (
	// ErrSource is returned when VictoriaMetrics does not answer as it should, and
	// went on with that.
	ErrSource = errors.New("backfill: VictoriaMetrics does not answer as it should")

	// errUnsupportedPath is returned when the single-node VictoriaMetrics was asked
	// on a path of the cluster.
	errUnsupportedPath = errors.New("unsupported path requested")
	errRedirect        = errors.New("it answers with a redirect, which is not followed")
	errEndless         = errors.New("an answer of which the end can't be told")
	errCutList         = fmt.Errorf("a list of exactly %d clusters, which may have been cut off: raise -search.maxTagValues", listed)
)

// source asks a VictoriaMetrics. Its methods may be called concurrently.
type source struct {
	client  *http.Client
	onRetry func(error)
	rules   Rules
	// base is asked; fallback is the path of the single-node binary on the same
	// host, nil where the operator has named a path. Once the base has turned out to
	// be a single node, single is set for good.
	base, fallback *url.URL
	single         atomic.Bool
}

func newSource(cfg Config) (*source, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("backfill: the vmselect URL must be a http or https URL")
	}
	s := &source{base: u, onRetry: cfg.OnRetry, rules: cfg.Rules, client: &http.Client{
		Transport:     cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if strings.Trim(u.Path, "/") == "" {
		s.base, s.fallback = u.JoinPath(clusterPath), u.JoinPath(singleNodePath)
	}
	return s, nil
}

// clusters returns the ids that may have samples between two times; others counts
// those that can't be a cluster's. Ids of the label's other users are among them:
// asked by metric, VictoriaMetrics would look at every series.
func (s *source) clusters(ctx context.Context, from, to time.Time) (ids []string, others int64, err error) {
	var list struct {
		Data      []string `json:"data"`
		Status    string   `json:"status"`
		IsPartial bool     `json:"isPartial"`
	}
	form := span(from, to)
	form.Set("deny_partial_response", "1")
	err = s.ask(ctx, listPath, form, func(body io.Reader) error {
		list.Data = nil
		text, err := io.ReadAll(io.LimitReader(body, listBytes+1))
		switch {
		case err != nil:
			return err
		case len(text) > listBytes:
			return backoff.Permanent(fmt.Errorf("a list above %d bytes", listBytes))
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
		if list.Status != "success" || list.IsPartial {
			return errors.New("a list that is not whole")
		}
		if len(list.Data) == listed {
			return backoff.Permanent(errCutList)
		}
		return nil
	})
	for _, id := range list.Data {
		if s.rules.Cluster(id) {
			ids = append(ids, id)
		} else {
			others++
		}
	}
	return ids, others, err
}

// read returns what clusters have sent between two times. The error wraps
// errTooMuch if that is more than there is room for.
func (s *source) read(ctx context.Context, ids []string, from, to time.Time, room int) (f *fold, err error) {
	form := span(from, to)
	form.Set("match[]", selector(ids))
	form.Set("max_rows_per_line", rowsPerLine)
	// Samples as they lie in the blocks, which VictoriaMetrics then need not hold.
	form.Set("reduce_mem_usage", "1")
	err = s.ask(ctx, exportPath, form, func(body io.Reader) error {
		f = newFold(s.rules, ids, from, to, room) // what a try before has left does not count
		return readLines(body, f)
	})
	return f, err
}

// selector matches the metrics of clusters.
func selector(ids []string) string {
	patterns := make([]string, len(ids))
	for i, id := range ids {
		patterns[i] = regexp.QuoteMeta(id)
	}
	return fmt.Sprintf("{__name__=~%q,cluster_id=~%q}", "cozy_.*", strings.Join(patterns, "|"))
}

// span asks for [from, to): both ends of a range are in it, to the millisecond.
func span(from, to time.Time) url.Values {
	stamp := func(t time.Time) string { return fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/1e6) }
	return url.Values{"start": {stamp(from)}, "end": {stamp(to.Add(-time.Millisecond))}}
}

func readLines(body io.Reader, f *fold) error {
	lines := bufio.NewReaderSize(body, lineBytes)
	for {
		text, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(text) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case len(text) == 1:
			continue
		}
		l, err := parseLine(text)
		if err == nil {
			err = f.add(l)
		}
		if errors.Is(err, errTooMuch) {
			err = backoff.Permanent(err)
		}
		if err != nil {
			return err
		}
	}
}

// ask asks until read has taken a whole answer.
func (s *source) ask(ctx context.Context, path string, form url.Values, read func(io.Reader) error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = time.Second, 30*time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := s.once(ctx, s.address(path), form, read)
		if errors.Is(err, errUnsupportedPath) && s.fallback != nil && !s.single.Swap(true) {
			err = s.once(ctx, s.address(path), form, read)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(tries), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) { s.onRetry(err) }))
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	return err
}

func (s *source) address(path string) string {
	if s.single.Load() {
		return s.fallback.JoinPath(path).String()
	}
	return s.base.JoinPath(path).String()
}

// once asks once. Errors that no other try can mend are permanent.
func (s *source) once(ctx context.Context, address string, form url.Values, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return backoff.Permanent(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := checkAnswer(resp); err != nil {
		return err
	}
	return read(resp.Body)
}

// checkAnswer returns an error for an answer that is not to be read.
func checkAnswer(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		if !tellsItsEnd(resp) {
			return backoff.Permanent(errEndless)
		}
		return nil
	case code/100 == 3:
		return backoff.Permanent(errRedirect)
	case code == http.StatusBadRequest && unsupportedPath(resp.Body):
		return backoff.Permanent(errUnsupportedPath)
	case code == http.StatusNotFound:
		return backoff.Permanent(fmt.Errorf("answer with status %d: only VictoriaMetrics has %s", code, exportPath))
	case code == http.StatusTooManyRequests, code/100 == 5:
		return later(resp)
	default:
		return backoff.Permanent(fmt.Errorf("answer with status %d", code))
	}
}

// tellsItsEnd reports whether an answer that is cut off ends with an error: it
// has a length, or ends with a mark. An HTTP/1 answer with neither ends when the
// connection does, for whatever reason.
func tellsItsEnd(resp *http.Response) bool {
	return resp.ProtoMajor >= 2 || resp.Uncompressed || resp.ContentLength >= 0 || len(resp.TransferEncoding) > 0
}

func unsupportedPath(body io.Reader) bool {
	text, err := io.ReadAll(io.LimitReader(body, 4<<10))
	return err == nil && strings.Contains(string(text), errUnsupportedPath.Error())
}

// later returns the error of an answer that asks to come again.
func later(resp *http.Response) error {
	err := fmt.Errorf("answer with status %d", resp.StatusCode)
	seconds, bad := strconv.Atoi(resp.Header.Get("Retry-After"))
	if bad != nil || seconds <= 0 {
		return err
	}
	return fmt.Errorf("%w; %w", err, backoff.RetryAfter(min(seconds, int(longestPause/time.Second))))
}
