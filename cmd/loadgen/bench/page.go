package bench

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	// pageMonths is how many months the file of the page has, the running one included.
	pageMonths = 24
	// pageRate is how many pages a second are asked for while reports come in.
	pageRate = 1000
)

// pageFigures are of the public page.
type pageFigures struct {
	// bytes are those of the page with all that it asks for, as a browser gets them.
	bytes int64
	// first is the time to the last byte of the page of a server that has just started, again
	// that of the next request.
	first, again time.Duration
	// cached and unchanged are answered with the page, and with that it is the same.
	cached, unchanged load.Result
	// cpu is the server's processor time for each that is cached, which does not depend on
	// what else the machine does.
	cpu time.Duration
	// beside are pages while reports come in, reports those, and alone reports without.
	beside, reports, alone load.Result
}

// measurePage asks a server of two years for its page.
func (l *lab) measurePage(ctx context.Context) (p pageFigures, err error) {
	month := rollup.MonthOf(l.Now())
	h, err := l.makeFile(ctx, load.DBOptions{
		Fleet: steadyFleet(l.Size.Few), From: month - pageMonths + 1, To: month, Every: 24 * time.Hour,
	})
	if err != nil {
		return p, err
	}
	s, err := l.serve(ctx, h.path)
	if err != nil {
		return p, err
	}
	defer s.Kill()
	page, first, err := l.browse(ctx, s.URL+"/")
	if err != nil {
		return p, err
	}
	p.first = first
	if _, p.again, err = l.browse(ctx, s.URL+"/"); err != nil {
		return p, err
	}
	if p.bytes, err = l.weigh(ctx, s.URL, page); err != nil {
		return p, err
	}
	err = l.pageLoad(ctx, s, &p)
	return p, err
}

// pageLoad asks for the page many times, alone and beside reports.
func (l *lab) pageLoad(ctx context.Context, s *server, p *pageFigures) (err error) {
	url, zipped := s.URL+"/", http.Header{"Accept-Encoding": {"gzip"}}
	before, err := child.CPUTime(s.PID)
	if err != nil {
		return err
	}
	if p.cached, err = l.get(ctx, load.GetOptions{URL: url, Conns: conns, Count: l.Size.Cached, Header: zipped}); err != nil {
		return err
	}
	after, err := child.CPUTime(s.PID)
	if err != nil {
		return err
	}
	p.cpu = (after - before) / time.Duration(p.cached.Requests)
	newest, _, err := l.browse(ctx, url)
	if err != nil {
		return err
	}
	p.unchanged, err = load.Get(ctx, load.GetOptions{
		URL: url, Conns: conns, Count: l.Size.Cached, Header: http.Header{"If-None-Match": {newest.etag}}, Now: l.Now,
	})
	if err != nil || p.unchanged.Codes[http.StatusNotModified] == 0 {
		return errors.Join(err, fmt.Errorf("bench: with the page's ETag, answers were %v", p.unchanged.Codes))
	}
	if p.alone, err = l.reports(ctx, url); err != nil {
		return err
	}
	p.beside, p.reports, err = l.getBeside(ctx, url, pageRate, load.GetOptions{URL: url, Header: zipped})
	return err
}

// browsed is what a browser gets.
type browsed struct {
	text, etag string
	bytes      int64
}

// browse gets one file as a browser does, and tells how long that took to the last byte.
func (l *lab) browse(ctx context.Context, url string) (b browsed, took time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return b, 0, fmt.Errorf("bench: %w", err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	begin := l.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return b, 0, fmt.Errorf("bench: %w", err)
	}
	defer resp.Body.Close()
	counted := &countingReader{from: resp.Body}
	var body io.Reader = counted
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(counted); err != nil {
			return b, 0, fmt.Errorf("bench: %s: %w", url, err)
		}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return b, 0, fmt.Errorf("bench: %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return b, 0, fmt.Errorf("bench: %s answers %s: %.200s", url, resp.Status, text)
	}
	return browsed{string(text), resp.Header.Get("ETag"), counted.n}, l.Now().Sub(begin), nil
}

// countingReader counts what is read.
type countingReader struct {
	from io.Reader
	n    int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

// asset is the address of a file that a page asks for.
var asset = regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)

// weigh adds to a page's bytes those of its files.
func (l *lab) weigh(ctx context.Context, server string, page browsed) (int64, error) {
	sum, seen := page.bytes, map[string]bool{}
	for _, found := range asset.FindAllStringSubmatch(page.text, -1) {
		if seen[found[1]] {
			continue
		}
		seen[found[1]] = true
		file, _, err := l.browse(ctx, server+found[1])
		if err != nil {
			return 0, err
		}
		sum += file.bytes
	}
	if len(seen) == 0 {
		return 0, errors.New("bench: the page asks for no files")
	}
	return sum, nil
}
