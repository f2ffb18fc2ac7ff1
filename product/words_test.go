package product_test

import (
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/product"
)

func TestWords(t *testing.T) {
	spelt := product.Spelt(map[string]string{"postgres": "postgresql"})
	for _, c := range []struct {
		words      product.Words
		text, want string
	}{
		{product.OneOf("a", "b"), "a", "a"},
		{product.OneOf("a", "b"), "A", "other"},
		{product.OneOf("a", "b"), "", "unknown"},
		{product.OneOf("a", "b"), "unknown", "unknown"},
		{product.OneOf("a", "b"), "other", "other"},
		{spelt, "PostGres", "postgresql"},
		{spelt, "mysql", "other"},
		{spelt, "", "unknown"},
		{product.Always("a"), "", "a"},
		{product.Version(2), "v1.31.4+k3s1", "1.31"},
		{product.Version(2), "1.29.1-eks-508b6b3", "1.29"},
		{product.Version(2), "3.13rc1", "3.13"},
		{product.Version(1), "16.2 (Debian 16.2-1)", "16"},
		{product.Version(3), "1.5.0", "1.5.0"},
		{product.Version(3), "2026.10.123456", "2026.10.123456"},
		{product.Version(3), "1.5", "other"},
		{product.Version(3), "1.5.", "other"},
		{product.Version(3), "1..5", "other"},
		{product.Version(2), "1.1234567", "other"},
		{product.Version(2), "vv1.2", "other"},
		{product.Version(2), "", "unknown"},
		{product.Version(2), "\u0661.\u0662", "other"},
		{product.Version(3, "dev"), "dev", "dev"},
		{product.Version(3, "dev"), "develop", "other"},
	} {
		if got := c.words(c.text); got != c.want {
			t.Errorf("%q is %q, want %q", c.text, got, c.want)
		}
	}
}
