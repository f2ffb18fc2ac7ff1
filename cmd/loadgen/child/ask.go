package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// awaitTime bounds how long [Await] asks.
const awaitTime = 2 * time.Minute

// ErrBusy is returned when a program does not come to rest in time.
var ErrBusy = errors.New("child: it does not come to rest")

// Answer is what a program has answered with 200.
type Answer struct {
	Header http.Header
	Body   []byte
}

// Get returns what a program answers. Another status than 200 is an error.
func Get(ctx context.Context, url string) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("child: %s answers %s: %.200s", url, resp.Status, body)
	}
	return &Answer{resp.Header, body}, nil
}

// Await asks again and again until done says so or fails, for 2 minutes at most: then
// the error is [ErrBusy].
func Await(ctx context.Context, every time.Duration, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, awaitTime, ErrBusy)
	defer cancel()
	for {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(every):
		}
	}
}
