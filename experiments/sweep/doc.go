// Package sweep runs an experiment many times, with settings that a search method proposes, by any number of workers that
// share nothing but a folder: processes of one machine, tasks of a Slurm array, pods of a Kubernetes job.
//
//	space.go               what is searched: lists of values and ranges
//	spec.go                what was asked for, sweep.json; check.go: whether it can be done
//	method.go              grid and random search; tpe.go, halving.go: the methods that look at results
//	once.go, journal.go    the files of a sweep and how each is written exactly once
//	watch.go, attempt.go   leases: who works on a trial, and whether that worker still lives
//	worker.go, run.go      one worker; pool.go: those of this machine
//	summary.go, page.go    what came out, as a table and as sweep.html
//	slurm.go, kubernetes.go job files
//
// # The folder
//
//	sweep.json                    what was asked for
//	trials/0007/trial.json        settings and seed of a trial
//	trials/0007/attempt-2.json    who began its second attempt
//	trials/0007/beat-2            signs of life of that attempt
//	trials/0007/ended-2.json      that it is over without a result, and why
//	trials/0007/run-2/            its run folder; run-2.copy while it is copied from run-1, to go on with that
//	trials/0007/result.json       the trial's final result
//	workers/                      what workers said
//
// Every file but the beats is written once and never changed. It is written whole under another name, flushed to the disk
// and then linked to its own name with link(2), which fails if that name exists (internal/atomicfile, WriteOnce). The file server decides
// which of two links is first, whatever its clients have cached. A client whose link was done but whose answer was lost
// is told that the file exists; it then finds that the file is its own, by its inode. No lock is held at any time, so
// there is none that a dead machine could keep. File systems without hard links are refused with a sentence.
//
// # Why each trial has exactly one final result
//
// At most one: only a link to result.json publishes a result, and a second link fails. This needs no lease and no clock: if
// two workers take the same trial for theirs, both may compute it, and the second that comes to publish throws away
// what it made. A result names its attempt, and the run folder run-K belongs to attempt K alone, because attempt-K.json
// was linked by one worker only: a result and its run folder are of one make.
//
// At least one: a trial without a result is open to every worker that looks for work. Attempt K+1 may begin once attempt K
// is over, and it is over when ended-K.json says so (its worker has failed, was told to stop, or was seen to die by the
// process that had started it) or when its beats have not changed for the length of a lease, by the clock of the worker
// that looks ([watch]). To be over is for ever, as ended-K.json is never removed and an attempt that was given up stays
// given up: a worker that acts on what it read a while ago is at worst late, and finds attempt-K+1.json linked already.
// What a worker decides from an old state of the folder is therefore harmless, such as what NFS shows to it for up to a minute.
//
// The races one by one:
//   - Two workers begin the same attempt, propose the same trial or publish for the same trial: link(2) lets one of them.
//   - A worker is taken for dead and lives (it was suspended, or cut off from the server): attempt K+1 begins beside it. It
//     learns of that with its next beat and stops; if it publishes before, that result counts, and K+1 throws its own away.
//   - A worker dies between two files: before attempt-K.json nothing has happened; between attempt-K.json and its first beat,
//     no beat is what does not change; between its last step and result.json, the attempt dies like any other.
//   - A worker dies after a result that it has not cleared up behind, its own or another's: a worker that ends because every trial has
//     its result removes the run folders that no result names.
//   - A worker is killed while it writes a file: the file has another name, which nobody reads (.NAME.….part).
//   - A run is gone on with while the worker that left it still lives: it is gone on with in a copy, which gets its name when it is whole.
//     Files that change or vanish while they are copied make the copy fail, and the trial begins anew.
//   - A beat is read while it is written: whatever is read differs from before, which is all that counts.
//   - Clocks of machines differ: nothing compares them. Times in files are for people.
//   - The worker that looks was itself suspended: of the time between two looks at most a quarter of a lease is counted, so
//     that it must see no change four times over before it takes another one for dead.
//   - A trial is proposed while others finish: trial.json says which settings' results the proposal has seen, so that it can
//     be made again from the files alone.
//
// It ends: an attempt that fails is repeated once, at most, and not at all where the settings are to blame; one whose worker dies is repeated until the trial has killed
// [MaxKills] workers, then the trial's result says so. Attempts that were stopped on purpose do not count.
package sweep
