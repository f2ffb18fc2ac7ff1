package product_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/kubeatlas"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// fakeKeys are keys that tests can tell apart. A day before the first is over.
type fakeKeys struct{ first rollup.Date }

var errOver = errors.New("the day is over")

func (fakeKeys) Instance() ([]byte, error) { return []byte("the key of a file"), nil }

func (k fakeKeys) Session(day rollup.Date) ([]byte, error) {
	if day < k.first {
		return nil, errOver
	}
	return fmt.Appendf(nil, "the key of %s", day), nil
}

func TestID(t *testing.T) {
	keys := fakeKeys{first: 100}
	id := func(p product.Product, name string, day rollup.Date) string {
		t.Helper()
		id, err := p.ID(keys, name, day)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	// printf %s matrix.example.org | openssl dgst -sha256 -hmac 'the key of a file', the first half
	if got, want := id(synapse.Product(), "matrix.example.org", 100), "3aa76df7985ab85959fae3b759a6092e"; got != want {
		t.Errorf("the id is %s, want %s", got, want)
	}
	if a, b := id(synapse.Product(), "a", 100), id(synapse.Product(), "a", 101); a != b {
		t.Error("an instance has another id on another day")
	}
	if a, b := id(kubeatlas.Product(), "a", 100), id(kubeatlas.Product(), "a", 101); a == b {
		t.Error("a session has the same id on another day")
	}
	for _, p := range products() {
		if id(p, "", 100) != "" {
			t.Errorf("%s: nobody has an id", p.Name)
		}
	}
	if _, err := kubeatlas.Product().ID(keys, "a", 99); !errors.Is(err, errOver) {
		t.Errorf("of a day that is over: %v", err)
	}
}

func TestIdentify(t *testing.T) {
	nonce := "9f86d081884c7d659a2feaa0c55ad015"
	for _, c := range []struct {
		product   product.Product
		raw, want string
		refused   bool
	}{
		{synapse.Product(), "Matrix.Example.org:8448", "matrix.example.org:8448", false},
		{synapse.Product(), "[2001:db8::1]:8448", "[2001:db8::1]:8448", false},
		{synapse.Product(), "", "", true},
		{synapse.Product(), "a b", "", true},
		{synapse.Product(), "ex\u00e4mple.org", "", true},
		{synapse.Product(), strings.Repeat("a", 255), strings.Repeat("a", 255), false},
		{synapse.Product(), strings.Repeat("a", 256), "", true},
		{coroot.Product(), "4423595B-9d97", "4423595b-9d97", false},
		{coroot.Product(), "", "", false},
		{coroot.Product(), "a/b", "", true},
		{coroot.Product(), strings.Repeat("a", 65), "", true},
		{kubeatlas.Product(), strings.ToUpper(nonce), nonce, false},
		{kubeatlas.Product(), "0000000000000000", "", false},
		{kubeatlas.Product(), "000000000000000", "", true},
		{kubeatlas.Product(), "", "", true},
		{kubeatlas.Product(), nonce[1:] + "g", "", true},
	} {
		if got, err := c.product.Identify(c.raw); got != c.want || (err != nil) != c.refused {
			t.Errorf("%s: %q is %q, %v", c.product.Name, c.raw, got, err)
		}
	}
}

// Raw names are kept only where they are asked for, and the id stays the same.
func TestKeepNames(t *testing.T) {
	body := []byte(`{"homeserver":"Matrix.Example.org","server_context":"our \"fleet\"","total_users":1}`)
	none := func(string) string { return "" }
	for keep, want := range map[bool][]string{
		false: {"from: matrix.example.org", "synapse_total_users 1"},
		true: {
			"from: matrix.example.org",
			`synapse_names{homeserver="Matrix.Example.org",server_context="our \"fleet\""} 1`, "synapse_total_users 1",
		},
	} {
		decoder, err := product.NewDecoder(synapse.Product(), keep)
		if err != nil {
			t.Fatal(err)
		}
		report, err := decoder.Decode(nil, body, none)
		if got := written(report, err); !slices.Equal(got, want) {
			t.Errorf("keeping names %t: %q", keep, got)
		}
	}
}

// The error has the field; what the client is told has nothing of what it sent.
func TestErrorIsTyped(t *testing.T) {
	decoder, err := product.NewDecoder(coroot.Product(), false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = decoder.Decode(nil, []byte(`{"instance":{"uuid":"a"},"ux":{"page_views":{"/secret":-3}}}`), func(string) string { return "" })
	var refused *product.Error
	if !errors.As(err, &refused) || refused.Field != "ux.page_views.*" || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}
