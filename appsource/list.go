package appsource

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// maxApps bounds the list: more than that is not a list of applications.
const maxApps = 500

// ErrBadList is returned when a list, stored or fetched, can't be taken for the
// names of applications.
var ErrBadList = errors.New("appsource: not a list of applications")

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// List is the list of applications as it is stored.
type List struct {
	// Names are the applications, sorted, each once.
	Names []string `json:"names"`
	// ETag is what the list's server called this version; "" if nothing.
	ETag string `json:"etag"`
	// FetchedAt is when the server last confirmed the list, in UTC; zero for the
	// built-in list.
	FetchedAt time.Time `json:"fetched_at"`
}

func (l List) validate() error {
	if len(l.Names) == 0 || len(l.Names) > maxApps {
		return fmt.Errorf("%w: %d names", ErrBadList, len(l.Names))
	}
	for _, name := range l.Names {
		if !validName.MatchString(name) {
			return fmt.Errorf("%w: name %q", ErrBadList, name)
		}
	}
	return nil
}

func decodeStored(data []byte) (List, error) {
	var l List
	if err := json.Unmarshal(data, &l); err != nil {
		return List{}, fmt.Errorf("%w: stored: %w", ErrBadList, err)
	}
	if err := l.validate(); err != nil {
		return List{}, fmt.Errorf("stored: %w", err)
	}
	return l, nil
}

// decodeFolder reads what GitHub says of a folder's content: its entries, of
// which the folders are applications. Names that can't be an application's are
// passed over.
func decodeFolder(data []byte) ([]string, error) {
	var entries []struct{ Name, Type string }
	if err := json.Unmarshal(data, &entries); err != nil {
		return nil, fmt.Errorf("%w: fetched: %w", ErrBadList, err)
	}
	var names []string
	for _, e := range entries {
		if e.Type == "dir" && validName.MatchString(e.Name) {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if err := (List{Names: names}).validate(); err != nil {
		return nil, fmt.Errorf("fetched: %w", err)
	}
	return names, nil
}
