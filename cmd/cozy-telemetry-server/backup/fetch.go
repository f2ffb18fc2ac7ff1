package backup

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/private"
)

// digestHeader carries the SHA-256 of a backup, as RFC 9530 has it.
const digestHeader = "Content-Digest"

// contentDigest writes a SHA-256 as the header has it.
func contentDigest(sum []byte) string {
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":"
}

// fetch writes the backup that a server has at a URL to w, checks that all of it has
// come, and returns its size in bytes. It brings the token that the server asks for, and
// tells how far it is as it goes. After an error what was written is not a backup.
func fetch(ctx context.Context, url string, token private.Token, w io.Writer, tell func(done, total int64)) (size int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	token.Sign(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("%w%s", err, cli.AskAdmin)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, refusal(resp)
	}
	if resp.ContentLength < 0 {
		return 0, errors.New("the answer is no backup: it has no length")
	}
	digest := sha256.New()
	size, err = io.Copy(io.MultiWriter(w, digest, &counter{total: resp.ContentLength, tell: tell}), resp.Body)
	if err != nil {
		return size, fmt.Errorf("the backup broke off after %d of %d bytes: %w", size, resp.ContentLength, err)
	}
	if resp.Header.Get(digestHeader) != contentDigest(digest.Sum(nil)) {
		return size, errors.New("the backup's checksum is wrong")
	}
	return size, nil
}

// refusal is what a server says that makes no backup now.
func refusal(resp *http.Response) error {
	if resp.StatusCode == http.StatusNotFound {
		return fmt.Errorf("the server answers %s%s", resp.Status, cli.AskAdmin)
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
	err := fmt.Errorf("the server answers %s: %s", resp.Status, strings.TrimSpace(string(text)))
	if wait, bad := time.ParseDuration(resp.Header.Get("Retry-After") + "s"); bad == nil {
		err = fmt.Errorf("%w; try again in %s", err, cli.DurationText(wait))
	}
	return err
}

// counter counts the bytes that are written to it.
type counter struct {
	done, total int64
	tell        func(done, total int64)
}

func (c *counter) Write(b []byte) (int, error) {
	c.done += int64(len(b))
	c.tell(c.done, c.total)
	return len(b), nil
}
