package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Compact rewrites a file, which no server may have open, into a new one without
// the space that is not used.
//
// progress, unless nil, is told now and then how much of the work is done. The new
// file gets its name when it is complete, durable and checked. Where there is a file
// of that name already, Compact returns fs.ErrExist.
func Compact(ctx context.Context, from, to string, progress func(done, total int64)) error {
	if err := compact(ctx, from, to, progress); err != nil {
		return fmt.Errorf("store: compact %s into %s: %w", from, to, err)
	}
	return nil
}

func compact(ctx context.Context, from, to string, progress func(done, total int64)) error {
	src, err := openUnchanged(from, true)
	if err != nil {
		return err
	}
	err = newFile(to, func(temp string) (keys int, err error) {
		return copyFile(ctx, src, temp, copyOptions{progress: progress})
	})
	return errors.Join(err, src.Close())
}

// inTwoSteps makes temp a compact copy of what fill makes of a file beside it.
func inTwoSteps(ctx context.Context, temp string, fill func(stage string) error) (keys int, err error) {
	stage := stageOf(temp)
	if err := fill(stage); err != nil {
		return 0, err
	}
	db, err := openBolt(stage, true)
	if err != nil {
		return 0, err
	}
	keys, err = copyFile(ctx, db, temp, copyOptions{})
	return keys, errors.Join(err, db.Close())
}

// copyOptions tune copyFile; the zero copyOptions copy everything.
type copyOptions struct {
	progress func(done, total int64)
	// skip, if set, leaves out buckets with all that is in them, by their path.
	skip func(path [][]byte) bool
}

// copyFile copies what is in a file to a new one, key by key, and cuts off what
// bbolt has reserved behind it. It returns how many keys it has copied. The copy is
// not synced.
func copyFile(ctx context.Context, src *bolt.DB, to string, opts copyOptions) (keys int, err error) {
	if opts.progress == nil {
		opts.progress = func(done, total int64) {}
	}
	dst, err := openBolt(to, false)
	if err != nil {
		return 0, err
	}
	dst.NoSync = true
	c := copier{ctx: ctx, dst: dst, copyOptions: opts}
	var size int64
	err = guard(func() error { return src.View(c.run) })
	if err == nil {
		err = dst.View(func(tx *bolt.Tx) error { size = tx.Size(); return nil })
	}
	if err = errors.Join(err, dst.Close()); err != nil {
		return 0, err
	}
	return int(c.keys), os.Truncate(to, size)
}

// copyChunk is how many bytes one transaction of copyFile writes.
const copyChunk = 4 << 20

type copier struct {
	copyOptions
	ctx         context.Context
	dst         *bolt.DB
	tx          *bolt.Tx // of dst
	size        int      // of what tx has written
	keys, total int64
}

func (c *copier) run(src *bolt.Tx) (err error) {
	c.total = int64(rootOf(src).Stats().KeyN)
	if c.tx, err = c.dst.Begin(true); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ignoreClosed(c.tx.Rollback())) }()
	if err := c.bucket(nil, rootOf(src)); err != nil {
		return err
	}
	if err := c.tx.Commit(); err != nil {
		return err
	}
	c.progress(c.total, c.total)
	return nil
}

// bucket copies a bucket whose path is given, and those in it.
func (c *copier) bucket(path [][]byte, from *bolt.Bucket) error {
	return from.ForEach(func(k, v []byte) error {
		if v == nil {
			inner := append(slices.Clone(path), k)
			if c.skip != nil && c.skip(inner) {
				return nil
			}
			b, err := c.open(inner)
			if err != nil {
				return err
			}
			if err := errors.Join(b.SetSequence(from.Bucket(k).Sequence()), c.wrote(len(k))); err != nil {
				return err
			}
			return c.bucket(inner, from.Bucket(k))
		}
		b, err := c.open(path)
		if err != nil {
			return err
		}
		b.FillPercent = 1 // the keys come in order, and nothing will come between
		return errors.Join(b.Put(k, v), c.wrote(len(k)+len(v)))
	})
}

// open returns a bucket of the copy, and makes it if it is missing.
func (c *copier) open(path [][]byte) (*bolt.Bucket, error) {
	b := rootOf(c.tx)
	for _, name := range path {
		inner := b.Bucket(name)
		if inner == nil {
			var err error
			if inner, err = b.CreateBucket(name); err != nil {
				return nil, err
			}
		}
		b = inner
	}
	return b, nil
}

// wrote ends the transaction when it is large enough.
func (c *copier) wrote(n int) (err error) {
	c.keys++
	c.size += n
	if c.size < copyChunk {
		return nil
	}
	if err := errors.Join(c.ctx.Err(), c.tx.Commit()); err != nil {
		return err
	}
	c.size = 0
	c.progress(c.keys, c.total)
	c.tx, err = c.dst.Begin(true)
	return err
}

// ignoreClosed takes the error of a rollback after a commit.
func ignoreClosed(err error) error {
	if errors.Is(err, bolterrors.ErrTxClosed) {
		return nil
	}
	return err
}
