// Command kubernetes reads the manifest of a Kubernetes batch/v1 Job as YAML and writes it as Kubernetes' own published types
// understand it, as JSON. A field that is unknown, misspelt or of another type is an error.
//
// It is a module of its own, so that the lab does not depend on Kubernetes' for one test: TestManifestIsKubernetes runs it
// where its modules were downloaded (`go mod download` here).
package main

import (
	"encoding/json"
	"io"
	"log"
	"os"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	log.SetFlags(0)
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	var job batchv1.Job
	if err := yaml.UnmarshalStrict(text, &job); err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(job); err != nil {
		log.Fatal(err)
	}
}
