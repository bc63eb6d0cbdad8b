package sweep

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func manifest(t *testing.T) []byte {
	t.Helper()
	s := &Sweep{Dir: "x", Spec: Spec{Experiment: "clip/lit", Trials: 4, Seeds: 5}}
	data, err := s.Manifest(Kubernetes{Image: "registry/glimpse:1", Claim: "shared", Mount: "/shared", Workers: 3, CPUs: 2, Memory: "4Gi",
		Command: []string{"glimpse", "sweep", "worker", "/shared/yes: no"}, Limits: map[string]string{"nvidia.com/gpu": "1"},
		Env: map[string]string{"GOMLX_BACKEND": "go", "ANSWER": "true"}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestManifest(t *testing.T) {
	const want = `apiVersion: batch/v1
kind: Job
metadata:
  name: glimpse-clip-lit
  labels:
    app: glimpse-clip-lit
spec:
  completionMode: Indexed
  completions: 3
  parallelism: 3
  backoffLimit: 60
  podFailurePolicy:
    rules:
    - action: FailJob
      onExitCodes:
        containerName: worker
        operator: In
        values:
        - 1
        - 2
  template:
    metadata:
      labels:
        app: glimpse-clip-lit
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 60
      containers:
      - name: worker
        image: registry/glimpse:1
        command:
        - glimpse
        - sweep
        - worker
        - "/shared/yes: no"
        env:
        - name: GOMAXPROCS
          value: "2"
        - name: ANSWER
          value: "true"
        - name: GOMLX_BACKEND
          value: go
        resources:
          requests:
            cpu: "2"
            memory: 4Gi
          limits:
            cpu: "2"
            memory: 4Gi
            nvidia.com/gpu: "1"
        volumeMounts:
        - name: sweep
          mountPath: /shared
      volumes:
      - name: sweep
        persistentVolumeClaim:
          claimName: shared
`
	if d := cmp.Diff(want, string(manifest(t))); d != "" {
		t.Errorf("the manifest differs (-expected +found):\n%s", d)
	}
	_, err := (&Sweep{}).Manifest(Kubernetes{Claim: "shared", Workers: 1, CPUs: 1})
	sentence(t, err, `expected an image`, `found image ""`)
}

// Kubernetes' own types take the manifest, field by field, and read from it what was meant.
func TestManifestIsKubernetes(t *testing.T) {
	check := func(text []byte) (out []byte, said string, err error) {
		cmd := exec.Command("go", "run", ".")
		cmd.Dir = "testdata/kubernetes"
		cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0")
		cmd.Stdin = bytes.NewReader(text)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err = cmd.Output()
		return out, stderr.String(), err
	}
	text := manifest(t)
	out, said, err := check(text)
	if err != nil && strings.Contains(said, "GOPROXY=off") {
		t.Skip("Kubernetes' modules are not here; `go mod download` in experiments/sweep/testdata/kubernetes brings them")
	}
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	var meant, understood any
	if err := yaml.Unmarshal(text, &meant); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &understood); err != nil {
		t.Fatal(err)
	}
	if path := missing("", meant, understood); path != "" {
		t.Errorf("%s is lost or another in what Kubernetes understands:\n%s", path, out)
	}
	for from, to := range map[string]string{"completions: 3": "completion: 3", "parallelism: 3": `parallelism: "3"`, "claimName": "claim"} {
		if _, said, err := check(bytes.ReplaceAll(text, []byte(from), []byte(to))); err == nil {
			t.Errorf("a manifest with %q was taken: %s", to, said)
		}
	}
}

// missing is the path of the first value of a that b does not have.
func missing(path string, a, b any) string {
	switch a := a.(type) {
	case map[string]any:
		b, _ := b.(map[string]any)
		for key, v := range a {
			if p := missing(path+"."+key, v, b[key]); p != "" {
				return p
			}
		}
	case []any:
		b, _ := b.([]any)
		if len(a) != len(b) {
			return path
		}
		for i, v := range a {
			if p := missing(fmt.Sprintf("%s[%d]", path, i), v, b[i]); p != "" {
				return p
			}
		}
	default:
		if fmt.Sprint(a) != fmt.Sprint(b) {
			return path
		}
	}
	return ""
}
