package product

import "math"

// Mean returns the mean of the figures of several months. A metric, or a share, is the
// mean over the months that show it; a value that such a month has not counts as 0 there.
// Counts are rounded. Of figures that are public it tells nothing that they do not.
func Mean(months []Figures) Figures {
	out := Figures{Metrics: make(map[string]float64), Shares: make(map[string]map[string]int64)}
	if len(months) == 0 {
		return out
	}
	var instances, days int64
	metrics, shares := make(map[string]float64), make(map[string]float64)
	for _, m := range months {
		instances += m.Instances
		days += int64(m.Days)
		for name, v := range m.Metrics {
			out.Metrics[name] += v
			metrics[name]++
		}
		for name, counts := range m.Shares {
			if out.Shares[name] == nil {
				out.Shares[name] = make(map[string]int64)
			}
			for value, n := range counts {
				out.Shares[name][value] += n
			}
			shares[name]++
		}
	}
	n := float64(len(months))
	out.Instances, out.Days = rounded(instances, n), int(rounded(days, n))
	for name := range out.Metrics {
		out.Metrics[name] /= metrics[name]
	}
	for name, counts := range out.Shares {
		for value, sum := range counts {
			counts[value] = rounded(sum, shares[name])
			if counts[value] == 0 {
				delete(counts, value)
			}
		}
	}
	return out
}

// rounded divides, half away from zero.
func rounded(sum int64, by float64) int64 { return int64(math.Round(float64(sum) / by)) }
