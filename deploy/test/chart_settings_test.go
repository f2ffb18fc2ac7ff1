package deploy

import (
	"path"
	"regexp"
	"slices"
	"testing"
)

// TestChartProductFlags holds that a product that is off has no flags.
func TestChartProductFlags(t *testing.T) {
	for values, want := range map[string][]string{
		"": {"--products=cozystack"},
		"{products: [synapse], forwardURLs: {synapse: 'http://a', coroot: 'http://b'}}": {
			"--forward-url-synapse=http://a", "--min-share=5", "--products=synapse",
		},
		"{products: [cozystack, kubeatlas], synapseKeepNames: true}": {
			"--kubeatlas-retention=90d", "--min-share=5", "--products=cozystack,kubeatlas",
		},
	} {
		args := arguments(t, values)
		checkCommandLine(t, args, nil)
		got := slices.DeleteFunc(args, func(arg string) bool {
			return !regexp.MustCompile(`^--(forward-url-|min-share|products|synapse|kubeatlas)`).MatchString(arg)
		})
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", values, got, want)
		}
	}
}

// TestChartSecrets holds that the server reads the token that Prometheus brings, and the key
// of names, each from its Secret.
func TestChartSecrets(t *testing.T) {
	r := decoded(t, "testdata/full.yaml")
	for flag, want := range map[string][2]string{"--admin-token-file": {"admin", "token"}, "--identity-key-file": {"identity", "identity-key"}} {
		if file := secretFile(t, r, want[0], want[1]); !slices.Contains(r.container(t).Args, flag+"="+file) {
			t.Errorf("%s is in %q, the arguments are %q", want[0], file, r.container(t).Args)
		}
	}
	if a := r.monitors[0].Spec.Endpoints[0].Authorization; a == nil || a.Credentials.Name != "admin" || a.Credentials.Key != "token" {
		t.Errorf("Prometheus brings %v", a)
	}
}

// secretFile is where the server finds a key of a Secret, which others can't read.
func secretFile(t *testing.T, r *release, secret, key string) string {
	t.Helper()
	for _, v := range r.deployments[0].Spec.Template.Spec.Volumes {
		if s := v.Secret; s != nil && s.SecretName == secret && s.Items[0].Key == key && *s.DefaultMode == 0o440 {
			for _, m := range r.container(t).VolumeMounts {
				if m.Name == v.Name {
					return path.Join(m.MountPath, s.Items[0].Path)
				}
			}
		}
	}
	return ""
}
