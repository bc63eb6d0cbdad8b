package memo_test

import (
	"fmt"
	"os"

	"github.com/glimpse-ml/glimpse/experiments/memo"
)

// What took long is computed once: the second call, in this program or in another one of the same code, finds it.
func ExampleDo() {
	dir, err := os.MkdirTemp("", "memo-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for range 2 {
		loss, err := memo.Do(dir, memo.Of("final loss", "1", 0.07, "seed 1"), func() (float64, error) {
			fmt.Println("training ...")
			return 2.5, nil
		})
		fmt.Println(loss, err)
	}
	// Output:
	// training ...
	// 2.5 <nil>
	// 2.5 <nil>
}
