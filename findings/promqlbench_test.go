// One evaluation of PromQL by Prometheus' own engine, for the findings about Prometheus: the series of SERIES, loaded
// every ten seconds, and each query of QUERIES at 100 s.
package finding

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
)

func TestQueries(t *testing.T) {
	storage := promqltest.LoadedStorage(t, "load 10s\n"+strings.Trim(os.Getenv("SERIES"), "\n")+"\n")
	engine := promqltest.NewTestEngine(t, false, 5*time.Minute, 100000)
	ctx, at := context.Background(), time.Unix(100, 0)
	for _, text := range strings.Split(strings.TrimSpace(os.Getenv("QUERIES")), "\n") {
		query, err := engine.NewInstantQuery(ctx, storage, promql.NewPrometheusQueryOpts(false, 0), text, at)
		if err != nil {
			t.Fatal(err)
		}
		answer := query.Exec(ctx)
		vector, err := answer.Vector()
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, sample := range vector {
			parts = append(parts, fmt.Sprintf("%s %.3g", sample.Metric, sample.F))
		}
		sort.Strings(parts)
		fmt.Printf("answer: %s -> %s, warnings: %d\n", text, strings.Join(parts, ", "), len(answer.Warnings))
	}
}
