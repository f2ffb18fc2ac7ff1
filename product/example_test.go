package product_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Teapot is what pots report: {"pot": "9f86", "version": "2.1.7", "cups": 3, "teas": ["green"]}.
func Teapot() product.Product {
	return product.Product{
		Name:   "teapot",
		Routes: []product.Route{{Path: "/brew", Methods: []string{http.MethodPost}}},
		Fields: []product.Field{
			{Path: "pot", Kind: product.Name},
			{Path: "version", Kind: product.Text, Metric: "version", Label: "version", Words: product.Version(2)},
			{Path: "cups", Kind: product.Difference, Metric: "cups", Max: 1000},
			{Path: "teas", Kind: product.Set, Metric: "teas", Label: "tea", Words: product.OneOf("green", "black")},
		},
		Figures: []product.Figure{
			{Name: "cups", Of: "cups", As: product.Sum},
			{Name: "version", Of: "version", As: product.Newest, Labels: []string{"version"}},
			{Name: "teas", Of: "teas", As: product.Members, Labels: []string{"tea"}},
		},
		Identify: func(raw string) (string, error) {
			if raw == "" {
				return "", errors.New("must be the pot's number")
			}
			return strings.ToLower(raw), nil
		},
	}
}

func Example() {
	teapot := Teapot()
	decoder, err := product.NewDecoder(teapot, false)
	if err != nil {
		panic(err)
	}
	body := `{"pot":"9F86","version":"2.1.7","cups":3,"teas":["green","grandma's"],"owner":"skipped"}`
	report, err := decoder.Decode(nil, []byte(body), http.Header{}.Get)
	if err != nil {
		panic(err)
	}
	for _, sample := range report.Samples {
		fmt.Println(sample.Series, sample.Value)
	}
	day := rollup.FromReport(rollup.Report{Samples: report.Samples})
	tally := product.NewTally(teapot)
	tally.Add(rollup.NewMonth(2026, 3), rollup.InstanceMonth{
		Instance: product.HashName([]byte("a secret"), report.Name),
		Month:    rollup.FromDay(1, day),
	})
	figures := tally.Figures()
	fmt.Println(figures.Instances, figures.Metrics, figures.Shares)
	// Output:
	// teapot_teas{tea="green"} 1
	// teapot_teas{tea="other"} 1
	// teapot_version{version="2.1"} 1
	// teapot_cups 3
	// 1 map[cups:3] map[teas:map[green:1 other:1] version:map[2.1:1]]
}
