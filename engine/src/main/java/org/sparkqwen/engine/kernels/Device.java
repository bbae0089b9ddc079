package org.sparkqwen.engine.kernels;

import java.io.Serializable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The device that computes: the processor of the host, or one of its GPUs.
///
/// @param index the number of the GPU, as the driver of its kind counts those that this process sees; [#ANY] if it is
///     left open which of them it is. 0 for the processor
public record Device(Kind kind, int index) implements Serializable {
    /// The index of a GPU that is chosen later: by Spark for a task, or else the first one.
    public static final int ANY = -1;

    /// The processor of the host.
    public static final Device CPU = new Device(Kind.CPU, 0);

    /// Any GPU that runs CUDA.
    public static final Device CUDA = new Device(Kind.CUDA, ANY);

    /// The tokens of a batch that keeps a GPU busy: a tile of 128 rows for each of the 132 multiprocessors of an
    /// H100 or H200, so that none of them is idle in the last round of a product's tiles. A larger batch takes more
    /// memory and is faster by less than 1 %.
    public static final int FULL_GPU_BATCH = 132 * 128;

    private static final Pattern NUMBERED = Pattern.compile("cuda:(\\d{1,4})");

    /// The kinds of devices that there are back-ends for.
    public enum Kind {
        CPU("cpu"),
        CUDA("cuda");

        private final String label;

        Kind(String label) {
            this.label = label;
        }

        /// The name, in the form that a user writes.
        @Override
        public String toString() {
            return label;
        }
    }

    public Device {
        if (index < ANY || (kind == Kind.CPU && index != 0)) {
            throw new IllegalArgumentException("there is no device %d of kind %s".formatted(index, kind));
        }
    }

    /// The GPU with a number.
    ///
    /// @param index from 0 on
    public static Device cuda(int index) {
        return new Device(Kind.CUDA, index);
    }

    /// Reads `cpu`, `cuda` or `cuda:N`.
    ///
    /// @throws IllegalArgumentException if it is none of them
    public static Device parse(String text) {
        if (text.equals(Kind.CPU.label)) {
            return CPU;
        }
        if (text.equals(Kind.CUDA.label)) {
            return CUDA;
        }
        Matcher numbered = NUMBERED.matcher(text);
        if (numbered.matches()) {
            return cuda(Integer.parseInt(numbered.group(1)));
        }
        throw new IllegalArgumentException(
                "there is no device '%s'; there are cpu, cuda, and cuda:N for the GPU with number N".formatted(text));
    }

    /// Whether the device is a GPU, which has memory of its own.
    public boolean isGpu() {
        return kind != Kind.CPU;
    }

    /// This device, or the first of its kind if it is left open which one it is.
    public Device orFirst() {
        return index == ANY ? new Device(kind, 0) : this;
    }

    /// The device in the form that [#parse] reads.
    @Override
    public String toString() {
        return kind == Kind.CPU || index == ANY ? kind.label : "%s:%d".formatted(kind.label, index);
    }
}
