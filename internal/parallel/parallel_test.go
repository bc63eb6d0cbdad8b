package parallel

import (
	"context"
	"errors"
	"testing"
)

func TestMap(t *testing.T) {
	odd := errors.New("odd")
	got, errs := Map(t.Context(), 101, func(i int) (int, error) {
		if i%2 == 1 {
			return 0, odd
		}
		return i * i, nil
	})
	if len(got) != 101 || len(errs) != 101 {
		t.Fatalf("got %d results and %d errors", len(got), len(errs))
	}
	for i := range got {
		if i%2 == 1 && errs[i] != odd || i%2 == 0 && (errs[i] != nil || got[i] != i*i) {
			t.Errorf("place %d: got %d, %v", i, got[i], errs[i])
		}
	}
}

func TestMapStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	Map(ctx, 10, func(int) (int, error) {
		t.Error("work was begun after the context had ended")
		return 0, nil
	})
}
