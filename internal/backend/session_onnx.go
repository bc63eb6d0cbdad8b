//go:build cgo && onnx && linux

package backend

/*
#cgo LDFLAGS: -Wl,--wrap=wrapper_CreateSessionOptions -Wl,--wrap=wrapper_CreateSessionWithONNXData
#include <stdlib.h>

// Functions of the OrtApi table by their place in it. The table only ever grows at its end: ONNX Runtime promises that
// a function keeps its place (onnxruntime_c_api.h, struct OrtApi).
enum { create_session_options = 10, disable_mem_pattern = 17, set_intra_op_num_threads = 24, add_session_config_entry = 130 };

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

void *__real_wrapper_CreateSessionWithONNXData(void *const *api, const void *env, const void *model, size_t size, void *options, void **session);

extern void *glimpseOutside(void *model, size_t size, size_t *changed_size, char **folder); // model_onnx.go

// Likewise. Where constants are kept outside the model it is handed on with what ONNX calls external data.
void *__wrap_wrapper_CreateSessionWithONNXData(void *const *api, const void *env, const void *model, size_t size, void *options, void **session) {
	size_t changed_size = 0;
	char *folder = 0;
	void *changed = options == 0 ? 0 : glimpseOutside((void *)model, size, &changed_size, &folder);
	if (changed == 0)
		return __real_wrapper_CreateSessionWithONNXData(api, env, model, size, options, session);
	void *status = ((void *(*)(void *, const char *, const char *))api[add_session_config_entry])(
		options, "session.model_external_initializers_file_folder_path", folder);
	if (status == 0)
		status = __real_wrapper_CreateSessionWithONNXData(api, env, changed, changed_size, options, session);
	free(changed);
	free(folder);
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
