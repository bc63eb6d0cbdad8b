package sweep

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml"
)

// Kubernetes says how the pods of a job are started. Each is a worker.
type Kubernetes struct {
	Name    string // of the job; "" for one made from the experiment's
	Image   string // container image with the program in it
	Command []string
	Workers int
	Claim   string            // name of the persistent volume claim that holds the sweep's folder
	Mount   string            // path at which the claim appears in the pods
	CPUs    int               // of each pod
	Memory  string            // of each pod, such as "4Gi"; "" for no request
	Limits  map[string]string // more resources, such as nvidia.com/gpu: "1"
	Env     map[string]string
}

// The part of Kubernetes' batch/v1 Job that a sweep needs; the names are those of its published schema.
type (
	kubeJob struct {
		APIVersion string   `yaml:"apiVersion"`
		Kind       string   `yaml:"kind"`
		Metadata   kubeMeta `yaml:"metadata"`
		Spec       kubeSpec `yaml:"spec"`
	}
	kubeMeta struct {
		Name   string            `yaml:"name,omitempty"`
		Labels map[string]string `yaml:"labels,omitempty"`
	}
	kubeSpec struct {
		CompletionMode string       `yaml:"completionMode"`
		Completions    int          `yaml:"completions"`
		Parallelism    int          `yaml:"parallelism"`
		BackoffLimit   int          `yaml:"backoffLimit"`
		FailurePolicy  kubePolicy   `yaml:"podFailurePolicy"`
		Template       kubeTemplate `yaml:"template"`
	}
	kubePolicy struct {
		Rules []kubeRule `yaml:"rules"`
	}
	kubeRule struct {
		Action string    `yaml:"action"`
		Codes  kubeCodes `yaml:"onExitCodes"`
	}
	kubeCodes struct {
		Container string `yaml:"containerName"`
		Operator  string `yaml:"operator"`
		Values    []int  `yaml:"values"`
	}
	kubeTemplate struct {
		Metadata kubeMeta `yaml:"metadata"`
		Spec     kubePod  `yaml:"spec"`
	}
	kubePod struct {
		RestartPolicy string          `yaml:"restartPolicy"`
		Grace         int             `yaml:"terminationGracePeriodSeconds"`
		Containers    []kubeContainer `yaml:"containers"`
		Volumes       []kubeVolume    `yaml:"volumes"`
	}
	kubeContainer struct {
		Name         string        `yaml:"name"`
		Image        string        `yaml:"image"`
		Command      []string      `yaml:"command"`
		Env          []kubeEnv     `yaml:"env"`
		Resources    kubeResources `yaml:"resources"`
		VolumeMounts []kubeMount   `yaml:"volumeMounts"`
	}
	kubeEnv struct {
		Name  string `yaml:"name"`
		Value string `yaml:"value"`
	}
	kubeResources struct {
		Requests map[string]string `yaml:"requests"`
		Limits   map[string]string `yaml:"limits"`
	}
	kubeMount struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
	}
	kubeVolume struct {
		Name  string    `yaml:"name"`
		Claim kubeClaim `yaml:"persistentVolumeClaim"`
	}
	kubeClaim struct {
		Name string `yaml:"claimName"`
	}
)

// Manifest is an Indexed Job as YAML. A pod that dies is replaced by Kubernetes, up to backoffLimit times in all; the trial it had is
// begun again by whichever worker notices. A worker that gives up with a sentence (exit codes 1 and 2) ends the job, because
// the others would give up too. That needs Kubernetes 1.26.
func (s *Sweep) Manifest(job Kubernetes) ([]byte, error) {
	if job.Image == "" || job.Claim == "" || job.Workers < 1 || job.CPUs < 1 {
		return nil, fmt.Errorf("expected an image, a volume claim, and at least one worker with one CPU, found image %q, claim %q, %d workers, %d CPUs",
			job.Image, job.Claim, job.Workers, job.CPUs)
	}
	if job.Name == "" {
		job.Name = jobName(s.Spec.Experiment)
	}
	cpus := strconv.Itoa(job.CPUs)
	resources := kubeResources{Requests: map[string]string{"cpu": cpus}, Limits: map[string]string{"cpu": cpus}}
	if job.Memory != "" {
		resources.Requests["memory"], resources.Limits["memory"] = job.Memory, job.Memory
	}
	for name, amount := range job.Limits {
		resources.Limits[name] = amount
	}
	env := []kubeEnv{{"GOMAXPROCS", cpus}}
	for _, name := range slices.Sorted(maps.Keys(job.Env)) {
		env = append(env, kubeEnv{name, job.Env[name]})
	}
	labels := map[string]string{"app": job.Name}
	data, err := yaml.Marshal(kubeJob{"batch/v1", "Job", kubeMeta{job.Name, labels}, kubeSpec{
		CompletionMode: "Indexed", Completions: job.Workers, Parallelism: job.Workers, BackoffLimit: MaxKills * s.Spec.Total(),
		FailurePolicy: kubePolicy{[]kubeRule{{"FailJob", kubeCodes{"worker", "In", []int{1, 2}}}}},
		Template: kubeTemplate{kubeMeta{Labels: labels}, kubePod{
			RestartPolicy: "Never", Grace: 60,
			Containers: []kubeContainer{{"worker", job.Image, job.Command, env, resources, []kubeMount{{"sweep", job.Mount}}}},
			Volumes:    []kubeVolume{{"sweep", kubeClaim{job.Claim}}},
		}},
	}})
	if err != nil {
		return nil, fmt.Errorf("cannot write the job as YAML: %w", err)
	}
	return data, nil
}
