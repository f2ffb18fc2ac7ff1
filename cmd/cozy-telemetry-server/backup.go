package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// digestHeader carries the SHA-256 of a backup, as RFC 9530 has it.
const digestHeader = "Content-Digest"

func newBackup(env environment) *cobra.Command {
	var admin, output string
	var force bool
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Get a copy of a running server's file",
		Long: `Gets a copy of the file of a running server, from its private listener. The copy has
every report that was answered before. It gets its name when all of it has come and its
checksum is right.`,
		Example: "  cozy-telemetry-server backup -o copy.db",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out, err := createOut(output, force)
			if err != nil {
				return err
			}
			defer out.discard()
			size, err := download(cmd.Context(), env, "http://"+admin+backupPath, out)
			if err != nil {
				return err
			}
			if err := out.commit(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has %s\n", output, bytesText(size))
			return err
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&admin, "admin-addr", "127.0.0.1:8082", "the server's private listener")
	f.StringVarP(&output, "output", "o", "", "the file to write")
	f.BoolVar(&force, "force", false, "replace the file if there is one")
	return checked(cmd, func() error { return checkAddr("admin-addr", admin) }, "output")
}

// download writes a backup, and checks that all of it has come.
func download(ctx context.Context, env environment, url string, w io.Writer) (size int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("%w; is a server running, and is this its --admin-addr?", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, refusal(resp)
	}
	if resp.ContentLength < 0 {
		return 0, errors.New("the answer is no backup: it has no length")
	}
	p := newProgress(env, "backup", resp.ContentLength)
	defer p.done()
	digest := sha256.New()
	size, err = io.Copy(io.MultiWriter(w, digest, &counter64{tell: p.set}), resp.Body)
	if err != nil {
		return size, fmt.Errorf("the backup broke off after %d of %d bytes: %w", size, resp.ContentLength, err)
	}
	want, err := contentDigest(hex.EncodeToString(digest.Sum(nil)))
	if err == nil && resp.Header.Get(digestHeader) != want {
		err = errors.New("the backup's checksum is wrong")
	}
	return size, err
}

// refusal is what a server says that makes no backup now.
func refusal(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
	err := fmt.Errorf("the server answers %s: %s", resp.Status, strings.TrimSpace(string(text)))
	if wait, bad := time.ParseDuration(resp.Header.Get("Retry-After") + "s"); bad == nil {
		err = fmt.Errorf("%w; try again in %v", err, wait)
	}
	return err
}

// counter64 counts the bytes that are written to it.
type counter64 struct {
	n    int64
	tell func(int64)
}

func (c *counter64) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	c.tell(c.n)
	return len(b), nil
}
