/// Reads quantized safetensors: GPTQ, AWQ, compressed-tensors and FP8, as the quantization_config of a model says.
@NullMarked
package org.sparkqwen.engine.quantized;

import org.jspecify.annotations.NullMarked;
