//go:build cgo && onnx && linux

package backend

/*
#cgo LDFLAGS: -Wl,--wrap=wrapper_CreateSessionOptions

// Functions of the OrtApi table by their place in it. The table only ever grows at its end: ONNX Runtime promises that
// a function keeps its place (onnxruntime_c_api.h, struct OrtApi).
enum { create_session_options = 10, disable_mem_pattern = 17, set_intra_op_num_threads = 24 };

static int intra_op_threads;

void set_intra_op_threads(int n) { intra_op_threads = n; }

// The linker calls this in the place of compute-onnx's function of that name.
void *__wrap_wrapper_CreateSessionOptions(void *const *api, void **options) {
	void *status = ((void *(*)(void **))api[create_session_options])(options);
	if (status == 0 && intra_op_threads > 0)
		status = ((void *(*)(void *, int))api[set_intra_op_num_threads])(*options, intra_op_threads);
	if (status == 0)
		status = ((void *(*)(void *))api[disable_mem_pattern])(*options);
	return status;
}
*/
import "C"

// setThreads says on how many threads the graphs that are compiled from now on compute; 0 leaves it to ONNX Runtime.
//
// Left alone it takes half of the processors where it cannot find out about the cores (in many virtual machines), and
// compute-onnx v0.1.5 has no setting for it, so the linker puts a function of ours in the place of the one that makes the
// session's options. It can go when compute-onnx has a setting.
//
// The same function turns off memory patterns. With them the second run of a graph takes one block for all that it
// computes, beside the blocks that the first run took piece by piece and that the arena keeps: twice the memory for
// the same speed (ViT-B/32's text tower on 64 texts: 1,333 MB with, 1,060 MB without).
func setThreads(n int) { C.set_intra_op_threads(C.int(n)) }
