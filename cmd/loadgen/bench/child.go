package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	// readyTime is how long a program may take to start.
	readyTime = time.Minute
	// readyEvery is how often it is asked. It bounds how exactly a start is
	// measured.
	readyEvery = 2 * time.Millisecond
)

// errEnded is returned when a program has ended by itself.
var errEnded = errors.New("bench: it has ended")

// child is a program that was started. It must be killed.
type child struct {
	pid    int
	url    string
	start  time.Duration // from the call until it was ready
	cmd    *exec.Cmd
	exited chan struct{}
	log    string
}

// run starts a program that serves url, and waits until url+ready answers 200.
func (l *lab) run(ctx context.Context, name, url, ready string, args ...string) (*child, error) {
	c := &child{url: url, cmd: exec.Command(name, args...), exited: make(chan struct{})}
	log, err := os.CreateTemp(l.dir, filepath.Base(name)+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer log.Close()
	c.log, c.cmd.Stdout, c.cmd.Stderr = log.Name(), log, log
	begin := l.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	c.pid = c.cmd.Process.Pid
	go func() {
		_ = c.cmd.Wait() // it is killed in the end, always
		close(c.exited)
	}()
	if err := c.await(ctx, ready); err != nil {
		c.kill()
		return nil, fmt.Errorf("%s: %w%s", name, err, c.lastWords())
	}
	c.start = l.Now().Sub(begin)
	return c, nil
}

func (c *child) await(ctx context.Context, ready string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTime, errBusy)
	defer cancel()
	for {
		if _, err := get(ctx, c.url+ready); err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return errEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(readyEvery):
		}
	}
}

// kill ends the program at once and waits until it is gone.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // an error means that it is gone
	<-c.exited
}

// lastWords returns the last line that the program has printed, for an error.
func (c *child) lastWords() string {
	text, _ := os.ReadFile(c.log)
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if last := lines[len(lines)-1]; len(last) > 0 {
		return ": " + string(last)
	}
	return ""
}

// get returns what a program answers.
func get(ctx context.Context, url string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("bench: %s answers %s: %.200s", url, resp.Status, body)
	}
	return &answer{resp.Header, body}, nil
}

type answer struct {
	header http.Header
	body   []byte
}
