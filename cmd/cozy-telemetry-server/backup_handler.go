package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/store"
)

// backupPath is where the private listener serves backups.
const backupPath = "/backup"

const (
	// maxDownloads bounds the copies that lie on the disk for clients.
	maxDownloads = 2
	// stallTime is how long a client may take for the next backupChunk bytes.
	stallTime   = time.Minute
	backupChunk = 256 << 10
	// spoolPrefix begins the names of folders for copies that are being made.
	spoolPrefix = ".telemetry-spool-"
)

// backups makes copies of the file: for clients, and for --backup-dir.
type backups struct {
	store *store.Store
	log   zerolog.Logger
	now   func() time.Time
	// spool is the folder in which copies for clients lie while they are sent.
	spool string
	// dir is --backup-dir, empty for none.
	dir   string
	every time.Duration
	keep  int
	// onBackup is told how each backup ended.
	onBackup func(error)

	downloads chan struct{} // a token for each copy on the disk
}

// newBackups removes what a crash has left in the folder of copies.
func newBackups(cfg config, env environment, s *store.Store, log zerolog.Logger, onBackup func(error)) (*backups, error) {
	b := &backups{
		store: s, log: log, now: env.now, onBackup: onBackup,
		spool: filepath.Dir(cfg.dbPath), dir: cfg.backupDir, every: cfg.backupEvery, keep: cfg.backupKeep,
		downloads: make(chan struct{}, maxDownloads),
	}
	if b.dir != "" {
		b.spool = b.dir
		if err := os.MkdirAll(b.dir, 0o700); err != nil {
			return nil, fmt.Errorf("--backup-dir: %w", err)
		}
	}
	return b, b.tidy()
}

func (b *backups) tidy() error {
	entries, err := os.ReadDir(b.spool)
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), spoolPrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(b.spool, e.Name())))
		}
	}
	return err
}

// ServeHTTP answers GET /backup. The copy is made and checked before its first byte
// is sent: a slow client holds a file on the disk, but never the database.
func (b *backups) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		refuseBackup(w, http.StatusMethodNotAllowed, "method not allowed")
		return
	}
	select {
	case b.downloads <- struct{}{}:
		defer func() { <-b.downloads }()
	default:
		w.Header().Set("Retry-After", "60")
		refuseBackup(w, http.StatusServiceUnavailable, "other backups are being sent")
		return
	}
	err := b.send(w, r)
	if r.Context().Err() != nil {
		b.log.Info().Msg("a client went away before it had all of a backup")
		return
	}
	b.onBackup(err)
	if err != nil {
		b.log.Error().Err(err).Msg("a backup was not sent")
	}
}

func refuseBackup(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintf(w, "{\"error\":%q}\n", message)
}

func (b *backups) send(w http.ResponseWriter, r *http.Request) error {
	name := backupName(b.now())
	file, info, err := b.copy(r.Context(), name)
	if err != nil {
		w.Header().Set("Retry-After", "60")
		refuseBackup(w, http.StatusServiceUnavailable, "the backup could not be made")
		return err
	}
	defer file.Close()
	digest, err := contentDigest(info.SHA256)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.FormatInt(info.Bytes, 10))
	h.Set(digestHeader, digest)
	return sendFile(w, file)
}

// copy returns a copy of the file that has no name any more, so that it is gone
// when it is closed, whatever happens to the process.
func (b *backups) copy(ctx context.Context, name string) (file *os.File, info store.BackupInfo, err error) {
	folder, err := os.MkdirTemp(b.spool, spoolPrefix)
	if err != nil {
		return nil, info, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, name)
	if info, err = b.store.Backup(ctx, path); err != nil {
		return nil, info, err
	}
	file, err = os.Open(path)
	return file, info, err
}

// sendFile writes a file to a client that keeps taking it. The server's own timeout
// is for the whole of an answer, and would cut off a large one.
func sendFile(w http.ResponseWriter, file io.Reader) error {
	rc := http.NewResponseController(w)
	chunk := make([]byte, backupChunk)
	for {
		n, err := file.Read(chunk)
		if n > 0 {
			if err := rc.SetWriteDeadline(time.Now().Add(stallTime)); err != nil {
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

// contentDigest writes a digest that is given in hexadecimal as the header has it.
func contentDigest(sum string) (string, error) {
	b, err := hex.DecodeString(sum)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(b) + ":", err
}
