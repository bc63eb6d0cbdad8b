package experiments

import (
	"encoding/json"
	"maps"
	"testing"
)

func TestFlat(t *testing.T) {
	got := Flat(json.RawMessage(`{"data":"scenes","train":{"steps":40,"optimizer":{"lr":1e-3}},"mean":[0.5, 1],"none":null,"empty":{}}`))
	want := map[string]string{"data": `"scenes"`, "train.steps": "40", "train.optimizer.lr": "0.001", "mean": "[0.5,1]", "none": "null"}
	if !maps.Equal(got, want) {
		t.Errorf("expected %v, found %v", want, got)
	}
	if got := Flat(nil); len(got) != 0 {
		t.Errorf("no configuration: found %v", got)
	}
}
