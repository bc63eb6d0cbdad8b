//go:build linux

package sweep

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A real Slurm on this machine runs the job script that is printed. One of its four workers is killed in the middle.
//
// It needs root and Debian's packages slurm-wlm and munge, whose daemons it starts for itself, with ports, files and a key of its own
// in a temporary folder; those of the system, if there are any, are left alone.
func TestSlurm(t *testing.T) {
	dir := startSlurm(t)
	s := newSweep(t, func(s *Spec) { s.Seeds = 2 }, "x="+numbers(100))
	script, err := s.Script(Slurm{Tasks: 4, CPUs: 1, Command: []string{os.Args[0]}, Env: []string{"GLIMPSE_TEST_SWEEP=" + s.Dir},
		Options: []string{"--time=5", `--comment=it's a "test"`}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "job.sh")
	if err := os.WriteFile(path, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	slurm := func(name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "SLURM_CONF="+filepath.Join(dir, "slurm.conf"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v: %s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	job := slurm("sbatch", "--parsable", path)
	if comment := slurm("squeue", "--noheader", "--array", "--format=%k", "--jobs", job); !strings.HasPrefix(comment, `it's a "test"`) {
		t.Errorf("the job's comment arrived as %q", comment)
	}
	waitFor(t, "task 2 to be in the middle of its third trial", func() bool {
		said, _ := os.ReadFile(filepath.Join(s.Dir, "workers", "slurm-"+job+"_2.log"))
		return strings.Count(string(said), "is done") >= 2 && strings.Count(string(said), "attempt") >= 3
	})
	slurm("scancel", "--signal=KILL", "--full", job+"_2")
	waitFor(t, "the end of the job", func() bool { return slurm("squeue", "--noheader", "--jobs", job) == "" })
	if end := slurm("scontrol", "show", "job", job+"_2"); !strings.Contains(end, "JobState=CANCELLED") {
		t.Errorf("task 2 was not killed: %s", end)
	}
	again := checkFolder(t, s)
	workers := map[string]bool{}
	for n := range s.Spec.Total() {
		r, _, _ := s.result(n)
		workers[r.Worker] = true
	}
	logs, _ := filepath.Glob(filepath.Join(s.Dir, "workers", "slurm-"+job+"_*.log"))
	t.Logf("%s: %d trials by %d workers, %d begun again after task 2 was killed", slurm("sinfo", "--version"), s.Spec.Total(), len(workers), again)
	if len(workers) != 4 || len(logs) != 4 || again < 1 {
		t.Errorf("expected the work of 4 workers and a trial begun again, found %d and %d, and the logs %q", len(workers), again, logs)
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 seconds for %s", what)
		}
	}
}

// startSlurm starts munged, slurmctld and slurmd, which end with the test, and returns their folder.
func startSlurm(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"munged", "slurmctld", "slurmd", "sbatch"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("expected Slurm on this machine, found no %s; `apt-get install slurm-wlm munge` brings it", program)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("Slurm's daemons need root")
	}
	dir, err := os.MkdirTemp("", "slurm") // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	key := make([]byte, 1024)
	_, _ = rand.Read(key)
	ports := freePorts(t, 2)
	in := func(name string) string { return filepath.Join(dir, name) }
	conf := fmt.Sprintf(`ClusterName=glimpse
SlurmctldHost=%[1]s(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=%[2]s/munge.sock
SlurmctldPort=%[3]d
SlurmdPort=%[4]d
StateSaveLocation=%[2]s/state
SlurmdSpoolDir=%[2]s/spool
SlurmctldPidFile=%[2]s/slurmctld.pid
SlurmdPidFile=%[2]s/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
KillWait=2
NodeName=%[1]s NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=debug Nodes=%[1]s Default=YES MaxTime=INFINITE State=UP
`, host, dir, ports[0], ports[1])
	for name, content := range map[string]string{"munge.key": string(key), "slurm.conf": conf} {
		if err := os.WriteFile(in(name), []byte(content), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	for _, sub := range []string{"state", "spool"} {
		if err := os.Mkdir(in(sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	daemon(t, in("munged.log"), "munged", "--foreground", "--force", "--key-file="+in("munge.key"), "--socket="+in("munge.sock"),
		"--pid-file="+in("munged.pid"), "--seed-file="+in("munged.seed"), "--num-threads=2")
	waitFor(t, "munged", func() bool { return exists(in("munge.sock")) })
	daemon(t, in("slurmctld.log"), "slurmctld", "-D", "-c", "-f", in("slurm.conf"))
	daemon(t, in("slurmd.log"), "slurmd", "-D", "-f", in("slurm.conf"), "-N", host)
	waitFor(t, "Slurm's node", func() bool {
		cmd := exec.Command("sinfo", "--noheader", "--format=%t")
		cmd.Env = append(os.Environ(), "SLURM_CONF="+in("slurm.conf"))
		out, _ := cmd.Output()
		return strings.TrimSpace(string(out)) == "idle"
	})
	return dir
}

// daemon runs a program until the test ends. What it said is shown when the test has failed.
func daemon(t *testing.T, log, name string, args ...string) {
	t.Helper()
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // should the test be killed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		out.Close()
		if said, _ := os.ReadFile(log); t.Failed() {
			t.Logf("%s said:\n%s", name, said)
		}
	})
}

// freePorts are ports that nobody listens at now.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// What a shell or sbatch would take apart arrives as it is.
func TestScriptQuotes(t *testing.T) {
	s := &Sweep{Dir: "/shared/my sweeps/it's", Spec: Spec{Experiment: "clip/lit"}}
	script, err := s.Script(Slurm{Tasks: 3, CPUs: 2, Command: []string{"echo", "$HOME", "it's", s.Dir}, Env: []string{"A=b c$d"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"#SBATCH --job-name=glimpse-clip-lit\n", "#SBATCH --array=0-2\n", "export A='b c$d'\n",
		`#SBATCH --output="/shared/my sweeps/it's/workers/slurm-%A_%a.log"` + "\n"} {
		if !strings.Contains(script, line) {
			t.Errorf("there is no line %q in\n%s", line, script)
		}
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = []string{"SLURM_ARRAY_JOB_ID=7", "SLURM_ARRAY_TASK_ID=2", "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if want := "$HOME it's /shared/my sweeps/it's --name slurm-7-2-0\n"; err != nil || string(out) != want {
		t.Errorf("the script printed %q (%v), expected %q", out, err, want)
	}
	_, err = s.Script(Slurm{Tasks: 1, CPUs: 1, Options: []string{"--x\nrm"}})
	sentence(t, err, "without line breaks")
}
