package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/sweep"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// jobEnv are the settings of this process that a worker elsewhere needs too, where they are set.
var jobEnv = []string{"GOMLX_BACKEND", "GLIMPSE_DATA", "ONNXRUNTIME_SHARED_LIBRARY_PATH", "PJRT_PLUGIN_LIBRARY_PATH"}

func sweepSlurmCommand() *cobra.Command {
	var job sweep.Slurm
	var program, out string
	cmd := &cobra.Command{
		Use:   "slurm DIR --array N",
		Short: "A Slurm job script: N workers of a sweep as a job array",
		Long: `Slurm prints a job script for sbatch that starts --array workers. The sweep's folder and the program have to be at the
same paths on the nodes as here. Make the folder with ` + "`glimpse sweep NAME ... --workers 0`" + `, which starts nothing.

Workers do trials until none is left: an array of any size does the whole sweep, and another one, at any time, helps.
` + strings.Join(jobEnv[:2], ", ") + ` and the paths of libraries are taken over from this shell where they are set.`,
		Example: examples(
			"glimpse sweep slurm /shared/sweeps/lr --array 16 | sbatch",
			"glimpse sweep slurm /shared/sweeps/lr --array 4 --cpus 8 --sbatch=--partition=gpu --sbatch=--gres=gpu:1 --write job.sh"),
		Args: wantArgs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "array"); err != nil {
				return err
			}
			if job.Tasks < 1 || job.CPUs < 1 {
				return usagef(cmd, "expected at least one task and one CPU, found --array %d --cpus %d", job.Tasks, job.CPUs)
			}
			for _, option := range job.Options {
				if !strings.HasPrefix(option, "-") {
					return usagef(cmd, "expected --sbatch to be an option of sbatch such as --sbatch=--partition=gpu, found %q", option)
				}
			}
			s, worker, err := openForJob(args[0], program)
			if err != nil {
				return err
			}
			job.Command = worker
			for _, name := range jobEnv {
				if value, ok := os.LookupEnv(name); ok {
					job.Env = append(job.Env, name+"="+value)
				}
			}
			script, err := s.Script(job)
			if err != nil {
				return err
			}
			return printOrWrite(cmd, out, script)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&job.Tasks, "array", 0, "`number` of workers")
	flags.IntVar(&job.CPUs, "cpus", 2, "`number` of CPUs for each")
	flags.StringArrayVar(&job.Options, "sbatch", nil, "one more `option` for sbatch, such as --sbatch=--time=2:00:00; may be repeated")
	flags.StringVar(&program, "program", "", "`path` of glimpse on the nodes (default: this program's)")
	flags.StringVar(&out, "write", "", "write the script to a `file` instead of printing it")
	return cmd
}

// openForJob opens a sweep and makes the command line of its workers, in absolute paths.
func openForJob(dir, program string) (*sweep.Sweep, []string, error) {
	s, err := sweep.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return nil, nil, fmt.Errorf("cannot tell where this program is: %w; say it with --program", err)
		}
	}
	path, err := filepath.Abs(dir)
	return s, []string{program, "sweep", "worker", path}, err
}

func printOrWrite(cmd *cobra.Command, path, text string) error {
	if path != "" {
		return atomicfile.WriteFile(path, []byte(text))
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), text)
	return err
}

func sweepKubernetesCommand() *cobra.Command {
	var job sweep.Kubernetes
	var dir, out string
	cmd := &cobra.Command{
		Use:   "kubernetes DIR --image IMAGE --claim NAME --workers N",
		Short: "A Kubernetes manifest: N workers of a sweep as an Indexed Job",
		Long: `Kubernetes prints the manifest of an Indexed Job whose pods are workers. The sweep's folder has to be on a persistent
volume that many pods may write to (ReadWriteMany, such as NFS), whose claim is --claim; it appears in the pods at
--mount, and the sweep in it at --path. The image holds glimpse, and --env says where in it or on the volume the data
is (GLIMPSE_DATA).`,
		Example: examples(
			"glimpse sweep kubernetes sweeps/lr --image lab/glimpse --claim shared --path /shared/lr --workers 16 --write job.yaml",
			"kubectl apply -f job.yaml"),
		Args: wantArgs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "image", "claim", "path", "workers"); err != nil {
				return err
			}
			if job.Workers < 1 || job.CPUs < 1 {
				return usagef(cmd, "expected at least one worker and one CPU, found --workers %d --cpus %d", job.Workers, job.CPUs)
			}
			if !strings.HasPrefix(dir, strings.TrimSuffix(job.Mount, "/")+"/") {
				return usagef(cmd, "expected --path to be below --mount %s, found %q", job.Mount, dir)
			}
			s, err := sweep.Open(args[0])
			if err != nil {
				return err
			}
			job.Command = []string{"glimpse", "sweep", "worker", dir}
			manifest, err := s.Manifest(job)
			if err != nil {
				return err
			}
			return printOrWrite(cmd, out, string(manifest))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&job.Image, "image", "", "container `image` with glimpse in it")
	flags.StringVar(&job.Claim, "claim", "", "`name` of the persistent volume claim that holds the sweep's folder")
	flags.StringVar(&job.Mount, "mount", "/shared", "`path` at which the volume appears in the pods")
	flags.StringVar(&dir, "path", "", "`path` of the sweep's folder in the pods")
	flags.IntVar(&job.Workers, "workers", 0, "`number` of pods")
	flags.IntVar(&job.CPUs, "cpus", 2, "`number` of CPUs for each")
	flags.StringVar(&job.Memory, "memory", "", "memory for each, an `amount` such as 4Gi")
	flags.StringToStringVar(&job.Limits, "limit", nil, "another resource for each, as `name=amount`, such as nvidia.com/gpu=1")
	flags.StringToStringVar(&job.Env, "env", nil, "a variable for the pods, as `NAME=value`")
	flags.StringVar(&job.Name, "name", "", "`name` of the job (default: made from the experiment's)")
	flags.StringVar(&out, "write", "", "write the manifest to a `file` instead of printing it")
	return cmd
}
