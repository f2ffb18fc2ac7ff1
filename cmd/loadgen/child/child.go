package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
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
var errEnded = errors.New("child: it has ended")

// Program says what [Start] starts. All but Args must be set.
type Program struct {
	// Name is the binary, by its path or by its name on the PATH.
	Name string
	Args []string
	// URL is what it serves, and URL+Ready answers 200 once it does.
	URL, Ready string
	// Dir is the folder for what it prints.
	Dir string
	// Now is the clock.
	Now func() time.Time
}

// Process is a program that was started. It must be killed, or stopped.
type Process struct {
	URL string
	PID int
	// Took is the time from the start until it was ready.
	Took time.Duration

	cmd    *exec.Cmd
	exited chan struct{}
	log    string
}

// Start starts a program and waits until it is ready. One that is not is killed, and
// the error has the last line that it has printed.
func Start(ctx context.Context, p Program) (*Process, error) {
	c := &Process{URL: p.URL, cmd: exec.Command(p.Name, p.Args...), exited: make(chan struct{})}
	log, err := os.CreateTemp(p.Dir, filepath.Base(p.Name)+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	defer log.Close()
	c.log, c.cmd.Stdout, c.cmd.Stderr = log.Name(), log, log
	begin := p.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	c.PID = c.cmd.Process.Pid
	go func() {
		_ = c.cmd.Wait() // Stop looks at its exit code
		close(c.exited)
	}()
	if err := c.await(ctx, p.Ready); err != nil {
		c.Kill()
		return nil, fmt.Errorf("%s: %w%s", p.Name, err, c.lastWords())
	}
	c.Took = p.Now().Sub(begin)
	return c, nil
}

func (c *Process) await(ctx context.Context, ready string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTime, ErrBusy)
	defer cancel()
	for {
		if _, err := Get(ctx, c.URL+ready); err == nil {
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

// Name is the name of the program's binary.
func (c *Process) Name() string { return filepath.Base(c.cmd.Path) }

// Kill ends the program at once and waits until it is gone. It does nothing to one
// that is.
func (c *Process) Kill() {
	_ = c.cmd.Process.Kill() // an error means that it is gone
	<-c.exited
}

// Stop asks the program to end and waits until it is gone. Another exit code than 0 is
// an error.
func (c *Process) Stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // an error means that it is gone
	<-c.exited
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("child: %s ended with code %d%s", c.Name(), code, c.lastWords())
	}
	return nil
}

// lastWords returns the last line that the program has printed, for an error.
func (c *Process) lastWords() string {
	text, _ := os.ReadFile(c.log)
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if last := lines[len(lines)-1]; len(last) > 0 {
		return ": " + string(last)
	}
	return ""
}
