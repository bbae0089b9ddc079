/// The CUDA back-end: kernels of our own for NVIDIA's Hopper GPUs, started through the driver alone.
@NullMarked
package org.sparkqwen.engine.kernels.cuda;

import org.jspecify.annotations.NullMarked;
