package lesson_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// A table of a study's page: a share with its interval over three seeds.
func ExampleTable() {
	recall := stats.Repeated([]float64{0.30, 0.31, 0.32})
	fmt.Print(lesson.Table([]string{"temperature", "recall@10"}, [][]string{{"learned", lesson.PercentOf(recall)}}))
	// Output:
	// | temperature | recall@10 |
	// | --- | ---: |
	// | learned | 31.0% (28.5–33.5) |
}
