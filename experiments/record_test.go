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

// A setting that is off where the other configuration has none is newer than that one, and makes no difference.
func TestDifference(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{`{"steps":40,"on":true}`, `{"steps":40,"on":true}`, "nothing"},
		{`{"steps":40}`, `{"steps":50}`, "`steps=40`"},
		{`{"steps":40,"crops":0,"model":{"rate":0,"name":"","list":[]}}`, `{"steps":40}`, "nothing"},
		{`{"steps":40}`, `{"steps":40,"crops":0,"off":false}`, "nothing"},
		{`{"steps":40,"crops":2}`, `{"steps":40}`, "`crops=2`"},
		{`{"steps":40}`, `{"steps":40,"crops":2}`, "`crops=none`"},
		{`{"steps":0}`, `{"steps":40}`, "`steps=0`"},
	} {
		if got := Difference(json.RawMessage(c.a), json.RawMessage(c.b)); got != c.want {
			t.Errorf("%s beside %s: expected %s, found %s", c.a, c.b, c.want, got)
		}
	}
}
