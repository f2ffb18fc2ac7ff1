package serve

import "strings"

// reading is a metric's value, by its labels.
type reading struct {
	labels map[string]string
	value  float64
}

// readings returns the server's own metrics as they are now, by their names without the
// namespace. Histograms are not among them.
func (m *metrics) readings() (map[string][]reading, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, err
	}
	all := make(map[string][]reading)
	for _, f := range families {
		name, own := strings.CutPrefix(f.GetName(), namespace+"_")
		for _, metric := range f.GetMetric() {
			if !own || metric.Histogram != nil {
				continue
			}
			r := reading{make(map[string]string), metric.GetCounter().GetValue() + metric.GetGauge().GetValue()}
			for _, l := range metric.GetLabel() {
				r.labels[l.GetName()] = l.GetValue()
			}
			all[name] = append(all[name], r)
		}
	}
	return all, nil
}

// total adds up readings that have a label; an empty name is that of all.
func total(readings []reading, label, value string) (sum int64) {
	for _, r := range readings {
		if label == "" || r.labels[label] == value {
			sum += int64(r.value)
		}
	}
	return sum
}
