package load

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"
)

// requestTimeout bounds one request with its answer.
const requestTimeout = 30 * time.Second

var (
	// ErrURL is returned when an address can't be used.
	ErrURL = errors.New("load: unusable URL")
	// errAnswer is returned when what came back is not HTTP.
	errAnswer = errors.New("load: not an HTTP answer")
	// errStale is returned when a connection ended before the first byte of an
	// answer.
	errStale = errors.New("load: connection ended without an answer")
	// errTimeout is returned when an answer takes longer than requestTimeout.
	errTimeout = errors.New("load: no answer in time")
)

// target is where requests go, and how one begins.
type target struct{ addr, head string }

// newTarget returns a target to post reports to.
func newTarget(rawURL string, gzip bool) (target, error) {
	t, err := newRequest("POST", rawURL)
	t.head += "Content-Type: text/plain\r\n"
	if gzip {
		t.head += "Content-Encoding: gzip\r\n"
	}
	t.head += "X-Cluster-ID: "
	return t, err
}

// newRequest returns a target with what all requests begin with.
func newRequest(method, rawURL string) (target, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return target{}, fmt.Errorf("%w: %w", ErrURL, err)
	}
	if u.Scheme != "http" || u.Hostname() == "" {
		return target{}, fmt.Errorf("%w: %q, http://host:port/ expected", ErrURL, rawURL)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	head := method + " " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\nUser-Agent: loadgen\r\n"
	return target{net.JoinHostPort(u.Hostname(), port), head}, nil
}

// conn sends over one connection, which is opened when it is needed and kept.
// It does what a load generator needs of HTTP/1.1 and no more: an HTTP client
// that does it all costs as much as the server under test, on the same CPUs.
// It is not safe for concurrent use.
type conn struct {
	target target
	link   *link // nil while there is no connection
	in     *bufio.Reader
	out    []byte
}

// link is an open connection. It is closed when its context is done, or when
// the answer to a request takes too long.
type link struct {
	net.Conn
	forget  func() bool
	timeout *time.Timer
}

func newLink(ctx context.Context, nc net.Conn) *link {
	return &link{
		Conn:    nc,
		forget:  context.AfterFunc(ctx, func() { nc.Close() }),
		timeout: time.AfterFunc(requestTimeout, func() { nc.Close() }),
	}
}

func newConn(t target) *conn { return &conn{target: t, in: bufio.NewReader(nil)} }

func (c *conn) close() {
	if c.link != nil {
		c.link.forget()
		c.link.timeout.Stop()
		c.link.Close()
		c.link = nil
	}
}

// post sends one report and returns the answer's status code.
func (c *conn) post(ctx context.Context, cluster string, report []byte) (status int, err error) {
	return c.postMessage(ctx, Message{Cluster: cluster, Body: report})
}

// postMessage sends a message and returns the answer's status code.
func (c *conn) postMessage(ctx context.Context, m Message) (status int, err error) {
	c.out = append(append(c.out[:0], c.target.head...), m.Cluster...)
	if m.From != "" {
		c.out = append(append(c.out, "\r\nX-Forwarded-For: "...), m.From...)
	}
	if m.Zipped {
		c.out = append(c.out, "\r\nContent-Encoding: gzip"...)
	}
	c.out = append(c.out, "\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(m.Body)), 10)
	c.out = append(append(c.out, "\r\n\r\n"...), m.Body...)
	return c.send(ctx)
}

// get sends a request that has no body.
func (c *conn) get(ctx context.Context) (status int, err error) {
	c.out = append(append(c.out[:0], c.target.head...), "\r\n"...)
	return c.send(ctx)
}

// send sends what is in out. A kept connection that the server has closed
// meanwhile is replaced, once.
func (c *conn) send(ctx context.Context) (status int, err error) {
	kept := c.link != nil
	status, err = c.try(ctx)
	if kept && errors.Is(err, errStale) {
		status, err = c.try(ctx)
	}
	return status, err
}

func (c *conn) try(ctx context.Context) (status int, err error) {
	if err := c.open(ctx); err != nil {
		return 0, err
	}
	c.link.timeout.Reset(requestTimeout)
	status, keep, err := c.exchange()
	inTime := c.link.timeout.Stop()
	if err != nil && !inTime {
		err = errTimeout
	}
	if err != nil || !keep {
		c.close()
	}
	return status, err
}

func (c *conn) open(ctx context.Context) error {
	if c.link != nil {
		return nil
	}
	dialer := net.Dialer{Timeout: requestTimeout}
	nc, err := dialer.DialContext(ctx, "tcp", c.target.addr)
	if err != nil {
		return err
	}
	c.use(newLink(ctx, nc))
	return nil
}

func (c *conn) use(l *link) {
	c.link = l
	c.in.Reset(l)
}

func (c *conn) exchange() (status int, keep bool, err error) {
	_, writeErr := c.link.Write(c.out)
	// A server may refuse before it has read everything, so look for an answer
	// even if not everything was written.
	if _, err := c.in.Peek(1); err != nil {
		return 0, false, fmt.Errorf("%w: %w", errStale, cmp.Or(writeErr, err))
	}
	status, keep, err = readAnswer(c.in)
	return status, keep && writeErr == nil, err
}

// readAnswer reads one answer with its body. keep tells whether the connection
// may be used again: a body without a Content-Length is left unread, so then it
// may not.
func readAnswer(in *bufio.Reader) (status int, keep bool, err error) {
	for status < 200 { // 100 Continue and its like come before the answer
		var length int64
		status, length, keep, err = readHead(in)
		if err != nil {
			return 0, false, err
		}
		if status < 200 || status == 204 || status == 304 {
			continue
		}
		if length < 0 {
			return status, false, nil
		}
		if _, err := in.Discard(int(length)); err != nil {
			return 0, false, err
		}
	}
	return status, keep, nil
}

// readHead reads an answer up to its body. length is -1 if it is not given.
func readHead(in *bufio.Reader) (status int, length int64, keep bool, err error) {
	line, err := readLine(in)
	if err != nil {
		return 0, 0, false, err
	}
	// HTTP/1.1 200 OK
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return 0, 0, false, fmt.Errorf("%w: %q", errAnswer, line)
	}
	keep = line[7] == '1'
	if status, err = strconv.Atoi(string(line[9:12])); err != nil || status < 100 {
		return 0, 0, false, fmt.Errorf("%w: %q", errAnswer, line)
	}
	length = -1
	for {
		line, err := readLine(in)
		if err != nil {
			return 0, 0, false, err
		}
		if len(line) == 0 {
			return status, length, keep, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.ParseInt(string(value), 10, 32); err != nil || length < 0 {
				return 0, 0, false, fmt.Errorf("%w: %q", errAnswer, line)
			}
		case bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close")):
			keep = false
		}
	}
}

// readLine returns a line without its end, valid until the next read.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return bytes.TrimRight(line, "\r\n"), nil
}
