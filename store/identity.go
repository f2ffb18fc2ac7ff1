package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// UseIdentityKey gives the file the key that IdentityKey returns, of 32 bytes, if it has none
// yet. It fails with [dberrors.ErrKeys] if the file has another one.
func (s *Store) UseIdentityKey(ctx context.Context, key []byte) error {
	if len(key) != identityBytes {
		return fmt.Errorf("store: a key of identities has %d bytes, and not %d", identityBytes, len(key))
	}
	has, err := s.identityKey(ctx, func() []byte { return key })
	if err == nil && !bytes.Equal(has, key) {
		err = fmt.Errorf("%w: the file has another one than is given", dberrors.ErrKeys)
	}
	if err != nil {
		return fmt.Errorf("store: the key of identities: %w", err)
	}
	return nil
}

// identityBytes is how long the key is: as long as the hash that it is for.
const identityBytes = 32

// IdentityKey returns the key that names of instances are hashed under. It is made when it
// is first asked for, lies in the file and in copies of it, and nowhere else: whoever has it
// can try names until one fits. A read-only file that has none yet is an error.
func (s *Store) IdentityKey(ctx context.Context) (key []byte, err error) {
	key, err = s.identityKey(ctx, func() []byte {
		key := make([]byte, identityBytes)
		_, _ = rand.Read(key) // never fails
		return key
	})
	if err != nil {
		return nil, fmt.Errorf("store: make the key of identities: %w", err)
	}
	return key, nil
}

// identityKey returns the key of the file, which becomes that of first if it has none. A
// file that has one needs no room for it.
func (s *Store) identityKey(ctx context.Context, first func() []byte) (key []byte, err error) {
	if key, err = s.note(layout.KeyIdentity); err != nil || key != nil {
		return key, err
	}
	err = s.update(ctx, func(tx *bolt.Tx) error {
		meta := tx.Bucket(layout.BucketMeta)
		if key = bytes.Clone(meta.Get(layout.KeyIdentity)); key != nil {
			return nil // another one was quicker
		}
		key = first()
		return meta.Put(layout.KeyIdentity, key)
	})
	return key, err
}
