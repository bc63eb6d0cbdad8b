// A PJRT plugin of several devices that computes nothing. It keeps every program it is given, and holds what go-xla does with buffers
// against the rules: an argument has to be alive and on the device that it is for. Results are numbers between a half and one, the first
// of each 1 (whole numbers: zeros), in the program's shapes. It is built against go-xla's own pjrt_c_api.h. PJRT_TEST_DEVICES is the
// number of devices, PJRT_TEST_FOLDER takes the programs (NNN.mlir), their options (NNN.options) and the shapes of the arguments of every
// execution (executions).
#include "pjrt_c_api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEVICES = 64, MAX_RANK = 8 };

struct PJRT_Error { char text[300]; };
struct PJRT_DeviceDescription { int id; char name[40]; };
struct PJRT_Device { PJRT_DeviceDescription description; };
struct PJRT_Client { int n; PJRT_Device devices[MAX_DEVICES]; PJRT_Device* list[MAX_DEVICES]; };
struct PJRT_Event { int unused; };
typedef struct { PJRT_Buffer_Type type; size_t rank; int64_t dims[MAX_RANK]; } Shape;
struct PJRT_Buffer { Shape shape; PJRT_Device* device; void* data; }; // no data: destroyed. The rest is kept, so that a later use is seen.
struct PJRT_Executable { int number, devices; PJRT_Client* client; size_t outputs; Shape* shapes; };
struct PJRT_LoadedExecutable { PJRT_Executable e; };

static int programs, executions;

static PJRT_Error* fail(const char* format, ...) {
	PJRT_Error* e = calloc(1, sizeof *e);
	va_list args;
	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	return e;
}

static FILE* file(const char* name, const char* mode) {
	char path[4096];
	const char* folder = getenv("PJRT_TEST_FOLDER");
	snprintf(path, sizeof path, "%s/%s", folder ? folder : "", name);
	return fopen(path, mode);
}

static PJRT_Error* keep(int number, const char* suffix, const char* data, size_t size) {
	char name[40];
	snprintf(name, sizeof name, "%03d.%s", number, suffix);
	FILE* f = file(name, "wb");
	if (!f || fwrite(data, 1, size, f) != size || fclose(f)) return fail("cannot write %s", name);
	return NULL;
}

static const struct { const char* name; PJRT_Buffer_Type type; size_t size; } types[] = {
	{"f32", PJRT_Buffer_Type_F32, 4}, {"f64", PJRT_Buffer_Type_F64, 8}, {"i1", PJRT_Buffer_Type_PRED, 1}, {"i32", PJRT_Buffer_Type_S32, 4},
	{"i64", PJRT_Buffer_Type_S64, 8}, {"ui8", PJRT_Buffer_Type_U8, 1}, {"ui32", PJRT_Buffer_Type_U32, 4}, {"ui64", PJRT_Buffer_Type_U64, 8},
};

static size_t bytes(const Shape* s) {
	size_t n = 0;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].type == s->type) n = types[i].size;
	for (size_t i = 0; i < s->rank; i++) n *= s->dims[i];
	return n;
}

// parse reads a shape such as 16x8xf32>, and says whether it could.
static bool parse(const char* p, Shape* s) {
	s->rank = 0;
	for (char* end; *p >= '0' && *p <= '9'; p = end + 1) {
		if (s->rank == MAX_RANK) return false;
		s->dims[s->rank++] = strtoll(p, &end, 10);
	}
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		size_t n = strlen(types[i].name);
		if (!strncmp(p, types[i].name, n) && p[n] == '>') { s->type = types[i].type; return true; }
	}
	return false;
}

// results reads the shapes of what main returns: what stands between its arrow and the end of the line.
static PJRT_Error* results(const char* program, PJRT_Executable* e) {
	const char* p = strstr(program, "@main(");
	if (p) p = strstr(p, "->");
	const char* end = p ? strstr(p, "{\n") : NULL;
	if (!end) return fail("found no function main with results");
	for (const char* q = p; (q = strstr(q, "tensor<")) && q < end; q++) e->outputs++;
	e->shapes = calloc(e->outputs, sizeof *e->shapes);
	for (size_t i = 0; i < e->outputs; i++) {
		p = strstr(p, "tensor<") + strlen("tensor<");
		if (!parse(p, &e->shapes[i])) return fail("cannot read the result %.40s", p);
	}
	return NULL;
}

static PJRT_Buffer* make(const Shape* s, PJRT_Device* device, const void* data) {
	PJRT_Buffer* b = calloc(1, sizeof *b);
	b->shape = *s, b->device = device, b->data = calloc(1, bytes(s) + 1);
	if (data) memcpy(b->data, data, bytes(s));
	return b;
}

#define DO(name) static PJRT_Error* do_##name(name##_Args* a)

static void do_PJRT_Error_Destroy(PJRT_Error_Destroy_Args* a) { free(a->error); }
static void do_PJRT_Error_Message(PJRT_Error_Message_Args* a) { a->message = a->error->text, a->message_size = strlen(a->error->text); }
DO(PJRT_Error_GetCode) { a->code = PJRT_Error_Code_INVALID_ARGUMENT; return NULL; }
DO(PJRT_Plugin_Initialize) { return NULL; }
DO(PJRT_Plugin_Attributes) { a->attributes = NULL, a->num_attributes = 0; return NULL; }
DO(PJRT_Event_Destroy) { free(a->event); return NULL; }
DO(PJRT_Event_Await) { return NULL; }

DO(PJRT_Client_Create) {
	const char* n = getenv("PJRT_TEST_DEVICES");
	PJRT_Client* c = calloc(1, sizeof *c);
	c->n = n ? atoi(n) : 1;
	if (c->n < 1 || c->n > MAX_DEVICES) return fail("PJRT_TEST_DEVICES: expected 1 to %d, found %s", MAX_DEVICES, n);
	for (int i = 0; i < c->n; i++) {
		c->list[i] = &c->devices[i], c->devices[i].description.id = i;
		snprintf(c->devices[i].description.name, sizeof c->devices[i].description.name, "TestDevice(id=%d)", i);
	}
	a->client = c;
	return NULL;
}
DO(PJRT_Client_Destroy) { return NULL; } // buffers still point to its devices
DO(PJRT_Client_PlatformName) { a->platform_name = "test", a->platform_name_size = 4; return NULL; }
DO(PJRT_Client_PlatformVersion) { a->platform_version = "test", a->platform_version_size = 4; return NULL; }
DO(PJRT_Client_ProcessIndex) { a->process_index = 0; return NULL; }
DO(PJRT_Client_Devices) { a->devices = a->client->list, a->num_devices = a->client->n; return NULL; }
DO(PJRT_Client_AddressableDevices) { a->addressable_devices = a->client->list, a->num_addressable_devices = a->client->n; return NULL; }
DO(PJRT_Client_DefaultDeviceAssignment) {
	for (size_t i = 0; i < a->default_assignment_size; i++) a->default_assignment[i] = (int)i;
	return NULL;
}
DO(PJRT_Device_GetDescription) { a->device_description = &a->device->description; return NULL; }
DO(PJRT_Device_IsAddressable) { a->is_addressable = true; return NULL; }
DO(PJRT_Device_LocalHardwareId) { a->local_hardware_id = a->device->description.id; return NULL; }
DO(PJRT_DeviceDescription_ProcessIndex) { a->process_index = 0; return NULL; }
DO(PJRT_DeviceDescription_DebugString) {
	a->debug_string = a->device_description->name, a->debug_string_size = strlen(a->debug_string);
	return NULL;
}

DO(PJRT_Client_Compile) {
	char* text = calloc(1, a->program->code_size + 1);
	memcpy(text, a->program->code, a->program->code_size);
	PJRT_LoadedExecutable* l = calloc(1, sizeof *l);
	l->e.number = ++programs, l->e.client = a->client;
	PJRT_Error* err = keep(programs, "mlir", text, a->program->code_size);
	if (!err) err = keep(programs, "options", a->compile_options, a->compile_options_size);
	if (!err) err = results(text, &l->e);
	free(text);
	a->executable = l;
	return err;
}
DO(PJRT_LoadedExecutable_GetExecutable) { a->executable = &a->loaded_executable->e; return NULL; }
DO(PJRT_LoadedExecutable_Destroy) { return NULL; }
DO(PJRT_Executable_Destroy) { return NULL; }
DO(PJRT_Executable_Name) { a->executable_name = "test", a->executable_name_size = 4; return NULL; }
DO(PJRT_Executable_NumOutputs) { a->num_outputs = a->executable->outputs; return NULL; }
DO(PJRT_Executable_GetCompiledMemoryStats) { return NULL; }

DO(PJRT_LoadedExecutable_Execute) {
	PJRT_Executable* e = &a->executable->e;
	FILE* log = file("executions", "a");
	if (!log) return fail("cannot write what was executed");
	executions++;
	for (size_t d = 0; d < a->num_devices; d++) {
		PJRT_Device* device = a->execute_device ? a->execute_device : e->client->list[d];
		for (size_t i = 0; i < a->num_args; i++) {
			const PJRT_Buffer* b = a->argument_lists[d][i];
			PJRT_Error* err = NULL;
			if (!b || !b->data) err = fail("program %d, device %zu, argument %zu: expected a buffer, found one that is gone", e->number, d, i);
			else if (b->device != device) err = fail("program %d, argument %zu: expected a buffer on device %d, found one on %d", e->number, i, device->description.id, b->device->description.id);
			if (err) { fclose(log); return err; }
			fprintf(log, "%d %d %d %zu ", executions, e->number, device->description.id, i);
			for (size_t k = 0; k < b->shape.rank; k++) fprintf(log, "%ldx", (long)b->shape.dims[k]);
			for (size_t k = 0; k < sizeof types / sizeof *types; k++) if (types[k].type == b->shape.type) fprintf(log, "%s\n", types[k].name);
		}
		for (size_t i = 0; i < e->outputs; i++) {
			PJRT_Buffer* b = a->output_lists[d][i] = make(&e->shapes[i], device, NULL);
			if (b->shape.type == PJRT_Buffer_Type_F32)
				for (size_t k = 0; k < bytes(&b->shape) / sizeof(float); k++) ((float*)b->data)[k] = 1 - (float)((uint32_t)k * 2654435761u >> 24) / 512;
		}
		if (a->device_complete_events) a->device_complete_events[d] = calloc(1, sizeof(PJRT_Event));
	}
	fclose(log);
	return NULL;
}

DO(PJRT_Client_BufferFromHostBuffer) {
	Shape s = {.type = a->type, .rank = a->num_dims};
	if (s.rank > MAX_RANK) return fail("expected at most %d axes, found %zu", MAX_RANK, s.rank);
	memcpy(s.dims, a->dims, s.rank * sizeof *s.dims);
	a->buffer = make(&s, a->device ? a->device : a->client->list[0], a->data);
	a->done_with_host_buffer = calloc(1, sizeof(PJRT_Event));
	return NULL;
}
DO(PJRT_Buffer_Destroy) { free(a->buffer->data), a->buffer->data = NULL; return NULL; }
DO(PJRT_Buffer_Dimensions) { a->dims = a->buffer->shape.dims, a->num_dims = a->buffer->shape.rank; return NULL; }
DO(PJRT_Buffer_ElementType) { a->type = a->buffer->shape.type; return NULL; }
DO(PJRT_Buffer_Device) { a->device = a->buffer->device; return NULL; }
DO(PJRT_Buffer_CopyToDevice) {
	if (!a->buffer->data) return fail("expected a buffer to copy, found one that is gone");
	a->dst_buffer = make(&a->buffer->shape, a->dst_device, a->buffer->data);
	return NULL;
}
DO(PJRT_Buffer_ToHostBuffer) {
	if (!a->src->data) return fail("expected a buffer to read, found one that is gone");
	size_t n = bytes(&a->src->shape);
	if (a->dst) {
		if (a->dst_size < n) return fail("expected room for %zu bytes, found %zu", n, a->dst_size);
		memcpy(a->dst, a->src->data, n);
	}
	a->dst_size = n, a->event = calloc(1, sizeof(PJRT_Event));
	return NULL;
}

const PJRT_Api* GetPjrtApi(void) {
	static PJRT_Api api = {
		.struct_size = PJRT_Api_STRUCT_SIZE,
		.pjrt_api_version = {.struct_size = PJRT_Api_Version_STRUCT_SIZE, .major_version = PJRT_API_MAJOR, .minor_version = PJRT_API_MINOR},
#define SET(name) .name = do_##name
		SET(PJRT_Error_Destroy), SET(PJRT_Error_Message), SET(PJRT_Error_GetCode), SET(PJRT_Plugin_Initialize), SET(PJRT_Plugin_Attributes),
		SET(PJRT_Event_Destroy), SET(PJRT_Event_Await), SET(PJRT_Client_Create), SET(PJRT_Client_Destroy), SET(PJRT_Client_PlatformName),
		SET(PJRT_Client_PlatformVersion), SET(PJRT_Client_ProcessIndex), SET(PJRT_Client_Devices), SET(PJRT_Client_AddressableDevices),
		SET(PJRT_Client_DefaultDeviceAssignment), SET(PJRT_Device_GetDescription), SET(PJRT_Device_IsAddressable),
		SET(PJRT_Device_LocalHardwareId), SET(PJRT_DeviceDescription_ProcessIndex), SET(PJRT_DeviceDescription_DebugString),
		SET(PJRT_Client_Compile), SET(PJRT_LoadedExecutable_GetExecutable), SET(PJRT_LoadedExecutable_Destroy), SET(PJRT_Executable_Destroy),
		SET(PJRT_Executable_Name), SET(PJRT_Executable_NumOutputs), SET(PJRT_Executable_GetCompiledMemoryStats),
		SET(PJRT_LoadedExecutable_Execute), SET(PJRT_Client_BufferFromHostBuffer), SET(PJRT_Buffer_Destroy), SET(PJRT_Buffer_Dimensions),
		SET(PJRT_Buffer_ElementType), SET(PJRT_Buffer_Device), SET(PJRT_Buffer_CopyToDevice), SET(PJRT_Buffer_ToHostBuffer),
	};
	return &api;
}
