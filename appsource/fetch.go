package appsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	fetchTimeout = 15 * time.Second
	// maxBody is a few times what GitHub says of maxApps folders.
	maxBody      = 1 << 20
	maxETag      = 256
	maxRedirects = 3
)

// ErrFetch is returned when the list's server does not answer with a list.
var ErrFetch = errors.New("appsource: the list of applications was not fetched")

type fetcher struct {
	url, userAgent string
	client         *http.Client
}

func newFetcher(cfg Config) *fetcher {
	return &fetcher{cfg.URL, cfg.UserAgent, &http.Client{
		Transport:     cfg.Transport,
		CheckRedirect: sameHost,
	}}
}

// sameHost follows a renamed repository, which GitHub redirects within its own
// host, and takes any other redirect for the answer.
func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxRedirects || req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

// fetch asks for the list unless it is still the version etag. Without names,
// and without an error, it is.
func (f *fetcher) fetch(ctx context.Context, etag string) (names []string, newETag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	res, err := f.ask(ctx, etag)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrFetch, err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotModified && etag != "" {
		return nil, etag, nil
	}
	if res.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("%w: answer %d", ErrFetch, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrFetch, err)
	}
	if len(body) > maxBody {
		return nil, "", fmt.Errorf("%w: answer above %d bytes", ErrFetch, maxBody)
	}
	names, err = decodeFolder(body)
	if err != nil {
		return nil, "", err
	}
	newETag = res.Header.Get("ETag")
	if len(newETag) > maxETag {
		newETag = ""
	}
	return names, newETag, nil
}

func (f *fetcher) ask(ctx context.Context, etag string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("User-Agent", f.userAgent)
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	return f.client.Do(req)
}
