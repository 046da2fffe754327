// A whole program around one compiled kernel, without a C library: calls alea_uniform and alea_gradient with the struct
// `arguments` (compiler/codegen/abi.h) and writes result_bytes bytes from `objective` on to standard output. The data,
// from `arguments` to `noise`, are appended by tests/unit/codegen_aarch64.cpp.
  .text
  .globl _start, alea_gather_rows_f64, alea_large_values_f64, memset
_start:
  adrp x0, arguments
  add x0, x0, :lo12:arguments
  bl alea_uniform
  adrp x0, arguments
  add x0, x0, :lo12:arguments
  bl alea_gradient
  mov x0, #1
  adrp x1, objective
  add x1, x1, :lo12:objective
  mov x2, #result_bytes
  mov x8, #64  // write
  svc #0
  mov x0, #0
  mov x8, #93  // exit
  svc #0

// (key, first_sample, first_time, time_count, element_count = 1, out): draws that were made before.
fill_noise:
  adrp x6, noise
  add x6, x6, :lo12:noise
  add x6, x6, x2, lsl #9
  lsl x3, x3, #6
1:
  cbz x3, 2f
  ldr x7, [x6], #8
  str x7, [x5], #8
  sub x3, x3, #1
  b 1b
2:
  ret

// (input, first_sample, row_length = 1, out)
alea_gather_rows_f64:
  ldr x0, [x0]
  add x0, x0, x1, lsl #3
  mov x4, #64
1:
  ldr x5, [x0], #8
  str x5, [x3], #8
  subs x4, x4, #1
  b.ne 1b
  ret

// For arguments that no sample has here.
alea_large_values_f64:
  brk #0

memset:
  mov x3, x0
1:
  cbz x2, 2f
  strb w1, [x3], #1
  sub x2, x2, #1
  b 1b
2:
  ret
