package backup

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/ingest/jsonerror"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/durable"
)

const (
	// maxDownloads bounds the copies that lie on the disk for clients.
	maxDownloads = 2
	// stallTime is how long a client may take for the next chunkBytes.
	stallTime  = time.Minute
	chunkBytes = 256 << 10
	// retryAfter is what a client is told that gets no copy now, in seconds.
	retryAfter = "60"
)

// ServeHTTP answers GET /backup. The copy is made and checked before its first byte
// is sent: a slow client holds a file on the disk, but never the database.
func (b *Backups) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		jsonerror.Write(w, http.StatusMethodNotAllowed, "method not allowed")
		return
	}
	select {
	case b.downloads <- struct{}{}:
		defer func() { <-b.downloads }()
	default:
		w.Header().Set("Retry-After", retryAfter)
		jsonerror.Write(w, http.StatusServiceUnavailable, "other backups are being sent")
		return
	}
	err := b.send(w, r)
	// Who has got all of it may be gone already.
	if err != nil && r.Context().Err() != nil {
		b.cfg.Log.Info().Msg("a client went away before it had all of a backup")
		return
	}
	b.cfg.OnBackup(err)
	if err != nil {
		b.cfg.Log.Error().Err(err).Msg("a backup was not sent")
	}
}

func (b *Backups) send(w http.ResponseWriter, r *http.Request) error {
	name := nameOf(b.cfg.Now())
	file, info, err := b.copy(r.Context(), name)
	if err != nil {
		_ = b.giveTime(w) // without it the answer may come too late
		w.Header().Set("Retry-After", retryAfter)
		jsonerror.Write(w, http.StatusServiceUnavailable, "the backup could not be made")
		return err
	}
	defer file.Close()
	sum, err := hex.DecodeString(info.SHA256)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.FormatInt(info.Bytes, 10))
	h.Set(digestHeader, contentDigest(sum))
	return b.sendFile(w, file)
}

// copy returns a copy of the file that has no name any more, so that it is gone
// when it is closed, whatever happens to the process.
func (b *Backups) copy(ctx context.Context, name string) (file *os.File, info store.BackupInfo, err error) {
	shop, err := durable.OpenWorkshop(filepath.Join(b.cfg.Spool, name))
	if err != nil {
		return nil, info, err
	}
	defer shop.Close() // what it can't remove, the next start will
	path := shop.Path(name)
	if info, err = b.write(ctx, path); err != nil {
		return nil, info, err
	}
	file, err = os.Open(path)
	return file, info, err
}

// giveTime lets a client take what is written next. The server's own timeout is for the
// whole of an answer: it would cut off a large one, and may be over when a copy is made.
func (b *Backups) giveTime(w http.ResponseWriter) error {
	return http.NewResponseController(w).SetWriteDeadline(b.cfg.Now().Add(stallTime))
}

// sendFile writes a file to a client that keeps taking it.
func (b *Backups) sendFile(w http.ResponseWriter, file io.Reader) error {
	chunk := make([]byte, chunkBytes)
	for {
		n, err := file.Read(chunk)
		if n > 0 {
			if err := b.giveTime(w); err != nil {
				return err
			}
			if _, err := w.Write(chunk[:n]); err != nil {
				return errStalled // the cause would name the peer
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var errStalled = errors.New("the client did not take all of it")
