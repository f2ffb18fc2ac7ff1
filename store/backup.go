package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// BackupInfo describes a copy that Backup has made.
type BackupInfo struct {
	// Bytes is the size of the copy, and SHA256 its digest, in hexadecimal.
	Bytes  int64
	SHA256 string
}

// Backup writes a copy of the file, which need not be closed for it: the copy has
// everything that was recorded before the call. Reports are recorded meanwhile and
// do not wait. One copy is made at a time; a second caller waits for its turn.
//
// The copy gets its name when it is durable and checked. Where there is a file of that
// name already, Backup returns fs.ErrExist.
func (s *Store) Backup(ctx context.Context, path string) (BackupInfo, error) {
	var info BackupInfo
	select {
	case s.copying <- struct{}{}:
		defer func() { <-s.copying }()
	case <-ctx.Done():
		return info, ctx.Err()
	}
	err := boltfile.Create(path, layout.CheckSchema, func(temp string) (keys int, err error) {
		info, keys, err = s.spool(ctx, temp)
		return keys, err
	})
	if err != nil {
		return BackupInfo{}, fmt.Errorf("store: back up to %s: %w%s", path, err, dberrors.Remedy(err))
	}
	return info, nil
}

// spool copies the file as it stands. While the transaction is open bbolt can't use
// pages again that commits leave, so the file grows by what they write: it must
// take no longer than the disk does, and never wait for anyone else.
func (s *Store) spool(ctx context.Context, temp string) (info BackupInfo, keys int, err error) {
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return info, 0, err
	}
	digest := sha256.New()
	w := &spoolWriter{ctx: ctx, to: io.MultiWriter(f, digest)}
	err = s.view(func(tx *bolt.Tx) (err error) {
		keys = boltfile.Root(tx).Stats().KeyN
		info.Bytes, err = tx.WriteTo(w)
		return err
	})
	if w.err != nil {
		err = w.err // bbolt has put it into its own words
	}
	info.SHA256 = hex.EncodeToString(digest.Sum(nil))
	return info, keys, errors.Join(err, f.Close())
}

// spoolWriter fails once ctx has ended, and keeps the first error.
type spoolWriter struct {
	ctx context.Context
	to  io.Writer
	err error
}

func (w *spoolWriter) Write(b []byte) (n int, err error) {
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err == nil {
		n, w.err = w.to.Write(b)
	}
	return n, w.err
}
