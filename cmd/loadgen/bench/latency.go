package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
)

// latency compares the time to an answer, over one connection and with nothing
// else to do, to that of a bare Update of the same bytes in a bbolt file beside.
func (l *lab) latency(ctx context.Context) (measured, error) {
	ours, err := l.takeOurs(ctx, l.Size.Few)
	if err != nil {
		return measured{}, err
	}
	defer ours.process.Kill()
	if err := ours.warmUp(ctx); err != nil {
		return measured{}, err
	}
	bare, err := newBareFile(l.file("bare.db"), l.Size.Few)
	if err != nil {
		return measured{}, err
	}
	defer bare.db.Close()
	var served, updated []time.Duration
	for range l.Size.Rounds {
		r, err := ours.post(ctx, 1, l.Size.Alone)
		if err != nil {
			return measured{}, err
		}
		if err := ours.settled(ctx); err != nil {
			return measured{}, err
		}
		u, err := bare.updates(ctx, l.Size.Alone, l.Now)
		if err != nil {
			return measured{}, err
		}
		served, updated = append(served, r.P50), append(updated, u)
	}
	a, b := median(served), median(updated)
	return measured{fmt.Sprintf("%s, bare %s", milliseconds(a), milliseconds(b)), ratio(a, b)}, nil
}

// bareFile is a bbolt file, tuned as the server's is, that takes reports as they
// come.
type bareFile struct {
	db    *bolt.DB
	fleet *fleet.Fleet
	put   int
}

var bareBucket = []byte("reports")

func newBareFile(path string, clusters int) (*bareFile, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		FreelistType: bolt.FreelistMapType, NoFreelistSync: true, InitialMmapSize: 1 << 30, Timeout: time.Second,
	})
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(bareBucket)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bench: %w", err), db.Close())
	}
	return &bareFile{db: db, fleet: fleet.New(steadyFleet(clusters))}, nil
}

// updates puts the next reports of the fleet, each in a transaction of its own,
// and returns the median of the times.
func (b *bareFile) updates(ctx context.Context, count int, now func() time.Time) (time.Duration, error) {
	took := make([]time.Duration, count)
	for i := range took {
		c := b.fleet.Cluster(b.put / 2 % b.fleet.Len())
		report := c.Report(nil, fleet.Client(b.put%2), 0)
		key := binary.BigEndian.AppendUint64(nil, uint64(b.put))
		b.put++
		begin := now()
		err := b.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bareBucket).Put(key, report) })
		took[i] = now().Sub(begin)
		if err := errors.Join(err, ctx.Err()); err != nil {
			return 0, fmt.Errorf("bench: %w", err)
		}
	}
	return median(took), nil
}
