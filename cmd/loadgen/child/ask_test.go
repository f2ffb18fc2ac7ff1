package child

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestAwaitGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		begin := time.Now()
		err := Await(t.Context(), time.Second, func(context.Context) (bool, error) {
			asked++
			return false, nil
		})
		if took := time.Since(begin); !errors.Is(err, ErrBusy) || took != awaitTime || asked < 100 {
			t.Errorf("error %v after %v, asked %d times", err, took, asked)
		}
	})
}
