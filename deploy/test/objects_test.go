package deploy

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// release is what the chart makes of some values.
type release struct {
	kinds       []string
	deployments []*apps.Deployment
	services    []*core.Service
	claims      []*core.PersistentVolumeClaim
	configMaps  []*core.ConfigMap
	policies    []*networking.NetworkPolicy
	ingresses   []*networking.Ingress
	routes      []*gateway.HTTPRoute
	monitors    []*monitoring.ServiceMonitor
	promRules   []*monitoring.PrometheusRule
	others      []*unstructured.Unstructured
}

// decoded renders the chart and decodes each manifest as the object that it says
// it is. A field that the object does not have, or has twice, is an error.
func decoded(t *testing.T, file string) *release {
	t.Helper()
	return decodedOf(t, values(t, file))
}

func decodedOf(t *testing.T, values string) *release {
	t.Helper()
	manifests, _, err := render(values)
	if err != nil {
		t.Fatal(err)
	}
	r := &release{}
	for _, text := range manifests {
		var kind meta.TypeMeta
		if err := yaml.Unmarshal([]byte(text), &kind); err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		r.kinds = append(r.kinds, kind.Kind)
		if err := r.add(kind, []byte(text)); err != nil {
			t.Errorf("%v:\n%s", err, text)
		}
	}
	return r
}

func (r *release) add(kind meta.TypeMeta, text []byte) error {
	switch kind.APIVersion + " " + kind.Kind {
	case "apps/v1 Deployment":
		return strict(text, &r.deployments)
	case "v1 Service":
		return strict(text, &r.services)
	case "v1 PersistentVolumeClaim":
		return strict(text, &r.claims)
	case "v1 ConfigMap":
		return strict(text, &r.configMaps)
	case "networking.k8s.io/v1 NetworkPolicy":
		return strict(text, &r.policies)
	case "networking.k8s.io/v1 Ingress":
		return strict(text, &r.ingresses)
	case "gateway.networking.k8s.io/v1 HTTPRoute":
		return strict(text, &r.routes)
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return strict(text, &r.monitors)
	case "monitoring.coreos.com/v1 PrometheusRule":
		return strict(text, &r.promRules)
	default: // the types of VictoriaMetrics' operator are not at hand
		object := &unstructured.Unstructured{}
		r.others = append(r.others, object)
		return yaml.UnmarshalStrict(text, &object.Object)
	}
}

// strict decodes as the API server does: the case of names counts.
func strict[T any](text []byte, all *[]*T) error {
	object := new(T)
	*all = append(*all, object)
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	wrong, err := json.UnmarshalStrict(asJSON, object)
	return errors.Join(append(wrong, err)...)
}

func (r *release) container(t *testing.T) core.Container {
	t.Helper()
	if len(r.deployments) != 1 || len(r.deployments[0].Spec.Template.Spec.Containers) != 1 {
		t.Fatal("it is not one deployment of one container")
	}
	return r.deployments[0].Spec.Template.Spec.Containers[0]
}

// checkPod holds that one server runs, as the image's user, with nothing that it
// does not need.
func checkPod(t *testing.T, r *release) {
	t.Helper()
	c, d := r.container(t), r.deployments[0].Spec
	pod := d.Template.Spec
	if *d.Replicas != 1 || d.Strategy.Type != apps.RecreateDeploymentStrategyType {
		t.Errorf("%d replicas, strategy %s", *d.Replicas, d.Strategy.Type)
	}
	user, group := imageUser(t)
	if s := pod.SecurityContext; *s.RunAsUser != user || *s.RunAsGroup != group || *s.FSGroup != group || !*s.RunAsNonRoot ||
		s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod's security context is %v", s)
	}
	if s := c.SecurityContext; !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation ||
		!slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) || s.Capabilities.Add != nil {
		t.Errorf("the container's security context is %v", s)
	}
	if *pod.AutomountServiceAccountToken {
		t.Error("the pod has a token of the cluster")
	}
	if l, ok := c.Resources.Limits[core.ResourceMemory]; !ok || l.Value() < 128<<20 {
		t.Errorf("the memory's limit is %s", l.String())
	}
	checkProbes(t, c)
	checkMemoryLimit(t, c)
}

// imageUser is the user of the Dockerfile.
func imageUser(t *testing.T) (user, group int64) {
	t.Helper()
	m := regexp.MustCompile(`(?m)^USER (\d+):(\d+)$`).FindStringSubmatch(string(read(t, "Dockerfile")))
	if m == nil {
		t.Fatal("the Dockerfile has no USER with two numbers")
	}
	user, err1 := strconv.ParseInt(m[1], 10, 64)
	group, err2 := strconv.ParseInt(m[2], 10, 64)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return user, group
}

func checkProbes(t *testing.T, c core.Container) {
	t.Helper()
	for want, p := range map[string]*core.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if p.HTTPGet.Path != want || p.HTTPGet.Port != intstr.FromString("http") {
			t.Errorf("the probe of %s is %v", want, p.HTTPGet)
		}
	}
	if p := c.StartupProbe; p.HTTPGet.Path != "/healthz" || p.FailureThreshold*p.PeriodSeconds < 300 {
		t.Errorf("the startup probe is %v", p)
	}
}

// checkMemoryLimit holds that GOMEMLIMIT is a bit less than the limit: the number
// of MiB with six zeros behind it.
func checkMemoryLimit(t *testing.T, c core.Container) {
	t.Helper()
	env := make(map[string]core.EnvVar)
	for _, e := range c.Env {
		env[e.Name] = e
	}
	from := env["MEMORY_LIMIT_MIB"].ValueFrom.ResourceFieldRef
	if from.Resource != "limits.memory" || from.Divisor.Value() != 1<<20 || env["GOMEMLIMIT"].Value != "$(MEMORY_LIMIT_MIB)000000" {
		t.Errorf("GOMEMLIMIT is %v of %v", env["GOMEMLIMIT"], from)
	}
}

// checkReferences holds that the objects find each other.
func checkReferences(t *testing.T, r *release) {
	t.Helper()
	pod := r.deployments[0].Spec.Template
	ports := make(map[string]bool)
	for _, p := range r.container(t).Ports {
		ports[p.Name] = true
	}
	selects := func(what string, selector map[string]string) {
		if !labels.SelectorFromSet(selector).Matches(labels.Set(pod.Labels)) {
			t.Errorf("%s selects %v, the pod has %v", what, selector, pod.Labels)
		}
	}
	selects("the deployment", r.deployments[0].Spec.Selector.MatchLabels)
	for _, s := range r.services {
		selects(s.Name, s.Spec.Selector)
		if target := s.Spec.Ports[0].TargetPort.String(); !ports[target] {
			t.Errorf("%s leads to the port %s", s.Name, target)
		}
	}
	for _, p := range r.policies {
		selects("the network policy", p.Spec.PodSelector.MatchLabels)
		checkPolicy(t, p, ports)
	}
	for _, i := range r.ingresses {
		for _, rule := range i.Spec.Rules {
			if backend := rule.HTTP.Paths[0].Backend.Service; r.service(backend.Name, backend.Port.Name) == nil {
				t.Errorf("the ingress leads to %v", backend)
			}
		}
	}
	for _, route := range r.routes {
		backend := route.Spec.Rules[0].BackendRefs[0]
		if s := r.service(string(backend.Name), "http"); s == nil || s.Spec.Ports[0].Port != *backend.Port {
			t.Errorf("the route %s leads to %v", route.Name, backend)
		}
	}
	checkVolumes(t, r)
	checkScrapes(t, r)
}

// checkPolicy holds that only a namespace may reach the admin port.
func checkPolicy(t *testing.T, p *networking.NetworkPolicy, ports map[string]bool) {
	t.Helper()
	for _, rule := range p.Spec.Ingress {
		name := rule.Ports[0].Port.String()
		if !ports[name] {
			t.Errorf("the network policy names the port %s", name)
		}
		if name == "admin" && (len(rule.From) != 1 || len(rule.From[0].NamespaceSelector.MatchLabels) != 1) {
			t.Errorf("the admin port is open to %v", rule.From)
		}
	}
}

func (r *release) service(name, port string) *core.Service {
	for _, s := range r.services {
		if s.Name == name && s.Spec.Ports[0].Name == port {
			return s
		}
	}
	return nil
}

// checkVolumes holds that every path of the arguments is on a volume, and that a
// claim of the release exists.
func checkVolumes(t *testing.T, r *release) {
	t.Helper()
	c := r.container(t)
	for _, arg := range c.Args {
		name, value, _ := strings.Cut(arg, "=")
		if (strings.HasSuffix(name, "-dir") || strings.HasSuffix(name, "-path")) && !slices.ContainsFunc(c.VolumeMounts,
			func(m core.VolumeMount) bool { return strings.HasPrefix(value+"/", m.MountPath+"/") }) {
			t.Errorf("%s is on no volume", arg)
		}
	}
	if len(r.claims) == 1 && r.deployments[0].Spec.Template.Spec.Volumes[0].PersistentVolumeClaim.ClaimName != r.claims[0].Name {
		t.Error("the pod does not use the release's claim")
	}
}

// checkScrapes holds that what is scraped is the admin service, and it alone.
func checkScrapes(t *testing.T, r *release) {
	t.Helper()
	check := func(selector map[string]string, port string) {
		var found []string
		for _, s := range r.services {
			if labels.SelectorFromSet(selector).Matches(labels.Set(s.Labels)) && s.Spec.Ports[0].Name == port {
				found = append(found, s.Name)
			}
		}
		if !slices.Equal(found, []string{"telemetry-admin"}) {
			t.Errorf("scraped are the services %q", found)
		}
	}
	for _, m := range r.monitors {
		check(m.Spec.Selector.MatchLabels, m.Spec.Endpoints[0].Port)
	}
	for _, o := range r.others {
		if o.GetKind() == "VMServiceScrape" {
			selector, _, err := unstructured.NestedStringMap(o.Object, "spec", "selector", "matchLabels")
			endpoints, _, err2 := unstructured.NestedSlice(o.Object, "spec", "endpoints")
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			check(selector, endpoints[0].(map[string]any)["port"].(string))
		}
	}
}
