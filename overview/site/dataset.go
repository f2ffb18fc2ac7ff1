package site

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/dataset"
	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// reproduceHeader has the command that computes a file again from a copy of the database.
const reproduceHeader = "X-Reproduce-With"

// Dataset returns the file of the publication's month in a format. Errors are those of
// Overview and Breakdown.
func (p *Publication) Dataset(ctx context.Context, format string) ([]byte, error) {
	rows, _, err := p.datasetRows(ctx)
	if err != nil {
		return nil, err
	}
	return dataset.File(format, rows)
}

// datasetRows are those of the file. They are settled when the month is final: then the same
// records make the same ones at any time.
func (p *Publication) datasetRows(ctx context.Context) (rows []dataset.Row, settled bool, err error) {
	a, err := p.Overview(ctx)
	if err != nil {
		return nil, false, err
	}
	if a.Product != nil {
		return dataset.OfProduct(p.Month, 1, a.Product.Periods.Month), a.Settled, nil
	}
	// A month of which there are snapshots alone has no breakdown.
	b, err := p.Breakdown(ctx)
	if err != nil && !errors.Is(err, overview.ErrNoData) {
		return nil, false, err
	}
	return dataset.OfMonth(p.Month, a.Overview.Periods.Month, b), a.Settled, nil
}

// DatasetKey is the publication of which the file of a month is made, whatever the server
// publishes otherwise: what was seen, with what is confirmed beside it.
func DatasetKey(product string, month rollup.MonthID) Key {
	return keyOf(overview.Question{Product: product, Month: month, Aggregate: published.Average, Publish: published.Seen})
}

// file is what is sent of the file: as it is, so that its checksum is that of what arrives.
func (p *Publication) file(ctx context.Context, format string) (maker, error) {
	rows, settled, err := p.datasetRows(ctx)
	return func() (*httpanswer.Answer, error) {
		file, err := dataset.File(format, rows)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(file)
		return &httpanswer.Answer{
			Type: mediaType(format), Body: file, ETag: fmt.Sprintf(`"%x"`, sum), Settled: settled,
			Header: http.Header{
				"Content-Disposition":           {attachment(p.fileName(format))},
				"Repr-Digest":                   {"sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"},
				reproduceHeader:                 {p.reproduce(format)},
				"Access-Control-Expose-Headers": {"Content-Disposition, ETag, Repr-Digest, " + reproduceHeader},
			},
		}, nil
	}, err
}

// sum is the checksum of the file, as sha256sum writes it.
func (p *Publication) sum(ctx context.Context, format string) (maker, error) {
	rows, settled, err := p.datasetRows(ctx)
	return func() (*httpanswer.Answer, error) {
		file, err := dataset.File(format, rows)
		if err != nil {
			return nil, err
		}
		return httpanswer.New("text/plain; charset=utf-8", fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(file), p.fileName(format)), settled), nil
	}, err
}

func (p *Publication) fileName(format string) string {
	return fmt.Sprintf("%s-%s.%s", p.Product, p.Month, format)
}

// reproduce is the command that makes the same file of a copy of the database.
func (p *Publication) reproduce(format string) string {
	f := p.site.cfg
	return fmt.Sprintf("cozy-telemetry-server dataset --db FILE --product %s --month %s --format %s --confirm-days %d --min-share %d --replicas %d",
		p.Product, p.Month, format, f.ConfirmDays, f.MinShare, f.Replicas)
}

func mediaType(format string) string {
	if format == tabular.Parquet {
		return "application/vnd.apache.parquet"
	}
	return httpanswer.CSV
}

// dataset answers with what is made of the file of a month, under a name.
func (s *Site) dataset(name string, render func(*Publication, context.Context, string) (maker, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, format, err := s.parseDataset(r)
		var a *httpanswer.Answer
		if err == nil {
			a, err = s.Publication(key).form(r.Context(), name+format, func(ctx context.Context, p *Publication) (maker, error) {
				return render(p, ctx, format)
			})
		}
		if err != nil {
			httpanswer.Refuse(w, overview.StatusOf(err), overview.TextOf(err, key.Month.String()))
			return
		}
		a.Write(w, r)
	}
}

// parseDataset reads month, format and product.
func (s *Site) parseDataset(r *http.Request) (key Key, format string, err error) {
	params := r.URL.Query()
	month, err := parseEnd("month", params.Get("month"), s.now())
	if err != nil {
		return key, "", err
	}
	format = cmp.Or(params.Get("format"), tabular.CSV)
	if !slices.Contains(dataset.Formats(), format) {
		return key, "", badQuestion("invalid format parameter: it is csv or parquet")
	}
	q, err := s.overview.ParseChoices(params, month)
	return DatasetKey(q.Product, month), format, err
}
