package boltfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// InTwoSteps makes temp a compact copy of what fill makes of a file beside it.
func InTwoSteps(ctx context.Context, temp string, fill func(stage string) error) (keys int, err error) {
	stage := filepath.Join(filepath.Dir(temp), "stage")
	if err := fill(stage); err != nil {
		return 0, err
	}
	db, err := Open(stage, true)
	if err != nil {
		return 0, err
	}
	keys, err = Copy(ctx, db, temp, CopyOptions{})
	return keys, errors.Join(err, db.Close())
}

// CopyOptions tune Copy; the zero CopyOptions copy everything.
type CopyOptions struct {
	Progress func(done, total int64)
	// Skip, if set, leaves out buckets with all that is in them, by their path.
	Skip func(path [][]byte) bool
}

// Copy copies what is in a file to a new one, key by key, and cuts off what
// bbolt has reserved behind it. It returns how many keys it has copied. The copy is
// not synced.
func Copy(ctx context.Context, src *bolt.DB, to string, opts CopyOptions) (keys int, err error) {
	err = View(src, func(tx *bolt.Tx) error {
		keys, err = CopyTx(ctx, tx, to, opts)
		return err
	})
	return keys, err
}

// CopyTx is Copy for a file as a transaction sees it.
func CopyTx(ctx context.Context, src *bolt.Tx, to string, opts CopyOptions) (keys int, err error) {
	if opts.Progress == nil {
		opts.Progress = func(done, total int64) {}
	}
	dst, err := Open(to, false)
	if err != nil {
		return 0, err
	}
	dst.NoSync = true
	c := copier{ctx: ctx, dst: dst, CopyOptions: opts}
	var size int64
	err = Guard(func() error { return c.run(src) })
	if err == nil {
		err = dst.View(func(tx *bolt.Tx) error { size = tx.Size(); return nil })
	}
	if err = errors.Join(err, dst.Close()); err != nil {
		return 0, err
	}
	return int(c.keys), os.Truncate(to, size)
}

// copyChunk is how many bytes one transaction of Copy writes.
const copyChunk = 4 << 20

type copier struct {
	CopyOptions
	ctx         context.Context
	dst         *bolt.DB
	tx          *bolt.Tx // of dst
	size        int      // of what tx has written
	keys, total int64
}

func (c *copier) run(src *bolt.Tx) (err error) {
	c.total = int64(Root(src).Stats().KeyN)
	if c.tx, err = c.dst.Begin(true); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ignoreClosed(c.tx.Rollback())) }()
	if err := c.bucket(nil, Root(src)); err != nil {
		return err
	}
	if err := c.tx.Commit(); err != nil {
		return err
	}
	c.Progress(c.total, c.total)
	return nil
}

// bucket copies a bucket whose path is given, and those in it.
func (c *copier) bucket(path [][]byte, from *bolt.Bucket) error {
	return from.ForEach(func(k, v []byte) error {
		if v == nil {
			inner := append(slices.Clone(path), k)
			if c.Skip != nil && c.Skip(inner) {
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
	b := Root(c.tx)
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
	c.Progress(c.keys, c.total)
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

// Root returns the bucket that holds all others.
func Root(tx *bolt.Tx) *bolt.Bucket { return tx.Cursor().Bucket() }
