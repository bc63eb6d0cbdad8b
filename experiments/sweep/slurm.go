package sweep

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/shell"
)

// Slurm says how the workers of a job array are started.
type Slurm struct {
	Tasks   int      // of the array: each is a worker
	CPUs    int      // of each task
	Command []string // of a worker, with absolute paths that hold on every node
	Env     []string // NAME=value, set in the job
	Options []string // more lines for sbatch, such as "--partition=gpu"
}

// Script is a job script for sbatch. Each task of the array is a worker that does trials until none is left, so the array may
// have any number of tasks, and tasks that start late or die cost nothing but time. Slurm sends SIGTERM a minute before a time limit,
// upon which a worker gives back what it does.
func (s *Sweep) Script(job Slurm) (string, error) {
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return "", fmt.Errorf("cannot tell where the sweep is: %w", err)
	}
	for _, text := range append(append([]string{dir}, job.Command...), append(job.Options, job.Env...)...) {
		if strings.ContainsAny(text, "\n\r") {
			return "", fmt.Errorf("expected names without line breaks in a job script, found %q", text)
		}
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("#!/bin/sh")
	line("#SBATCH --job-name=%s", jobName(s.Spec.Experiment))
	line("#SBATCH --array=0-%d", job.Tasks-1)
	line("#SBATCH --ntasks=1")
	line("#SBATCH --cpus-per-task=%d", job.CPUs)
	line("#SBATCH --output=%s", sbatchQuote(filepath.Join(dir, "workers", "slurm-%A_%a.log")))
	line("#SBATCH --signal=B:TERM@60")
	line("#SBATCH --open-mode=append")
	for _, option := range job.Options {
		if name, value, ok := strings.Cut(option, "="); ok {
			option = name + "=" + sbatchQuote(value)
		}
		line("#SBATCH %s", option)
	}
	for _, variable := range job.Env {
		name, value, _ := strings.Cut(variable, "=")
		line("export %s=%s", name, shell.Quote(value))
	}
	line(`export GOMAXPROCS="${SLURM_CPUS_PER_TASK:-%d}"`, job.CPUs)
	var words []string
	for _, word := range job.Command {
		words = append(words, shell.Quote(word))
	}
	line(`exec %s --name "slurm-${SLURM_ARRAY_JOB_ID}-${SLURM_ARRAY_TASK_ID}-${SLURM_RESTART_COUNT:-0}"`, strings.Join(words, " "))
	return b.String(), nil
}

// jobName is a name that Slurm and Kubernetes take: small letters, digits and dashes.
func jobName(experiment string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(experiment))
	return "glimpse-" + strings.Trim(name, "-")
}

// sbatchQuote makes a value that sbatch takes as one word.
func sbatchQuote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}
