package org.sparkqwen.engine.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;
import org.sparkqwen.engine.kernels.format.WeightFormat;

/// The weights on the device, each in the form in which an operation reads it. They are brought there when they are
/// first needed.
///
/// Products read tiles. Layers that read the same input are one matrix, and the outputs of a gate and an up take turns,
/// eight of each, so that a thread that computes one has the other, too. Weights in bfloat16 are one part. Others are
/// two parts, which hold 16 bits, when the precision is float32: all that float16 has, and integers with their scales
/// within 2⁻¹⁷. Integers stay integers here, and products widen them to these parts.
final class DeviceWeights {
    /// The most bytes of panels that are copied before they are brought to tiles.
    private static final long COPIED_BYTES = 64 << 20;

    /// How the weights of 64 outputs and 64 inputs lie, as `integers.cuh` numbers it.
    enum Form {
        TILES(0, TiledRows.TILE_BYTES),
        INT8_TILES(1, 4352),
        INT4_TILES(2, 2304);

        /// The number by which kernels know the form.
        final int number;

        private final int tileBytes;

        Form(int number, int tileBytes) {
            this.number = number;
            this.tileBytes = tileBytes;
        }

        /// The bytes of a tile, for each part.
        int tileBytes() {
            return tileBytes;
        }

        static Form of(WeightFormat format) {
            return format == KnownFormat.INT8 ? INT8_TILES : format == KnownFormat.INT4 ? INT4_TILES : TILES;
        }
    }

    /// The weights of a product.
    ///
    /// @param tiles address
    /// @param parts bfloat16 numbers that stand for a weight when it is multiplied
    /// @param firsts each matrix's first column
    record Tiled(long tiles, long bytes, Form form, int parts, int inputTiles, int outputTiles, int[] firsts) {
        /// Whether products compute both with the same kernel.
        boolean isLike(Tiled other) {
            return form == other.form && parts == other.parts;
        }
    }

    /// Memory of the host that operands lie in, and how often it has changed.
    private static final class Adopted {
        final MemorySegment host;
        long version;

        Adopted(MemorySegment host) {
            this.host = host;
        }
    }

    /// A copy on the device, with the versions of what it was made from.
    private record Copy<T>(T value, long version) {}

    private final Gpu gpu;
    private final Arguments arguments;
    private final boolean twoParts;
    private final Gpu.Scratch staging;
    private final TreeMap<Long, Adopted> adopted = new TreeMap<>();
    private final Map<List<Object>, Copy<Tiled>> matrices = new HashMap<>();
    private final Map<Long, Copy<Long>> plain = new HashMap<>();

    /// @param twoParts whether weights that one bfloat16 number cannot hold are two
    DeviceWeights(Gpu gpu, Arguments arguments, boolean twoParts) {
        this.gpu = gpu;
        this.arguments = arguments;
        this.twoParts = twoParts;
        staging = new Gpu.Scratch(gpu);
    }

    synchronized void adopt(MemorySegment host) {
        adopted.put(host.address(), new Adopted(host));
    }

    synchronized void changed(MemorySegment host) {
        Adopted of = adopted.get(host.address());
        if (of != null) {
            of.version++;
        }
    }

    synchronized boolean isAdopted(MemorySegment operand) {
        return find(operand) != null;
    }

    /// Forgets memory of the host, and frees its copies.
    synchronized void release(MemorySegment host) {
        long from = host.address();
        adopted.remove(from);
        Copy<Long> vector = plain.remove(from);
        if (vector != null) {
            gpu.free(vector.value(), host.byteSize());
        }
        matrices.entrySet().removeIf(entry -> {
            boolean made = entry.getKey().contains(from);
            if (made) {
                gpu.free(
                        entry.getValue().value().tiles(),
                        entry.getValue().value().bytes());
            }
            return made;
        });
    }

    private @Nullable Adopted find(MemorySegment operand) {
        Map.Entry<Long, Adopted> below = adopted.floorEntry(operand.address());
        boolean inside = below != null
                && operand.address() + operand.byteSize()
                        <= below.getKey() + below.getValue().host.byteSize();
        return inside ? below.getValue() : null;
    }

    private Adopted require(MemorySegment operand) {
        Adopted of = find(operand);
        if (of == null) {
            throw new IllegalArgumentException("an operand is no buffer of this back-end");
        }
        return of;
    }

    /// The address of numbers that are copied as they are: biases, norms, rows, and panels in which tokens are
    /// looked up.
    synchronized long plain(MemorySegment operand, long bytes) {
        Memory.addressOfBytes(operand, bytes);
        Adopted of = require(operand);
        Copy<Long> copy = plain.get(of.host.address());
        if (copy == null || copy.version() != of.version) {
            long address = copy == null ? gpu.allocate(of.host.byteSize()) : copy.value();
            gpu.toDevice(of.host, address);
            copy = new Copy<>(address, of.version);
            plain.put(of.host.address(), copy);
        }
        return copy.value() + operand.address() - of.host.address();
    }

    /// Matrices that read the same input, side by side.
    synchronized Tiled sideBySide(List<Matrix> matrices) {
        return tiled(matrices, false);
    }

    /// A gate and an up, in turns of eight outputs.
    synchronized Tiled inTurns(Matrix gate, Matrix up) {
        return tiled(List.of(gate, up), true);
    }

    private Tiled tiled(List<Matrix> of, boolean inTurns) {
        List<Object> key = new ArrayList<>();
        long version = 0;
        for (Matrix matrix : of) {
            key.add(matrix.panels().address());
            version += require(matrix.panels()).version;
        }
        key.add(inTurns);
        Copy<Tiled> known = matrices.get(key);
        if (known == null || known.version() != version) {
            Tiled tiled = known == null ? allocate(of, inTurns) : known.value();
            for (int i = 0; i < of.size(); i++) {
                fill(of.get(i), tiled, tiled.firsts()[i], inTurns ? i : -1);
            }
            known = new Copy<>(tiled, version);
            matrices.put(key, known);
        }
        return known.value();
    }

    private Tiled allocate(List<Matrix> of, boolean inTurns) {
        int parts = 1;
        int rows = 0;
        int[] firsts = new int[of.size()];
        for (int i = 0; i < firsts.length; i++) {
            parts = Math.max(parts, parts(of.get(i).format(), twoParts));
            firsts[i] = inTurns ? 0 : rows;
            rows += TiledRows.tiles(of.get(i).outputs()) * TiledRows.TILE;
        }
        int outputTiles =
                inTurns ? TiledRows.tiles(Math.ceilDiv(of.getFirst().outputs(), 8) * 16) : rows / TiledRows.TILE;
        int inputTiles = TiledRows.tiles(of.getFirst().inputs());
        Form first = Form.of(of.getFirst().format());
        Form form = of.stream().allMatch(matrix -> Form.of(matrix.format()) == first) ? first : Form.TILES;
        long bytes = (long) outputTiles * inputTiles * form.tileBytes() * (form == Form.TILES ? parts : 1);
        return new Tiled(gpu.allocate(bytes), bytes, form, parts, inputTiles, outputTiles, firsts);
    }

    /// The bytes of a matrix on the device.
    ///
    /// @param twoParts as for [#parts]
    static long bytes(WeightFormat format, int outputs, int inputs, boolean twoParts) {
        Form form = Form.of(format);
        long tiles = (long) TiledRows.tiles(outputs) * TiledRows.tiles(inputs);
        return tiles * form.tileBytes() * (form == Form.TILES ? parts(format, twoParts) : 1);
    }

    /// The bfloat16 numbers that stand for a weight of a format.
    ///
    /// @param twoParts whether weights that one of them cannot hold are two
    static int parts(WeightFormat format, boolean twoParts) {
        return twoParts && format != KnownFormat.BF16 ? 2 : 1;
    }

    private void fill(Matrix matrix, Tiled tiled, int firstRow, int turn) {
        long panelBytes = matrix.format().panelBytes(matrix.inputs());
        int together = Math.clamp(COPIED_BYTES / panelBytes, 1, matrix.panelCount());
        long copied = staging.reserve(Math.max(COPIED_BYTES, panelBytes));
        boolean widened = tiled.form() == Form.TILES;
        long kernel = gpu.kernel("weights", widened ? "tile" : "tileIntegers", 0);
        for (int panel = 0; panel < matrix.panelCount(); panel += together) {
            int count = Math.min(together, matrix.panelCount() - panel);
            gpu.toDevice(matrix.panels().asSlice(panel * panelBytes, count * panelBytes), copied);
            arguments
                    .clear()
                    .add(copied)
                    .add(format(matrix.format()))
                    .add(panel)
                    .add(matrix.outputs())
                    .add(matrix.inputs())
                    .add(tiled.tiles());
            if (widened) {
                arguments.add(tiled.parts());
            }
            arguments.add(tiled.inputTiles()).add(firstRow).add(turn);
            gpu.launchAfterAll(kernel, count, tiled.inputTiles(), 256, arguments);
        }
        gpu.synchronize(); // because products read weights before they wait for other kernels
    }

    /// The number of a format in `weights.cu`.
    static int format(WeightFormat format) {
        if (!(format instanceof KnownFormat known)) {
            throw new IllegalArgumentException("the kernels for CUDA do not read weights in " + format.name());
        }
        return switch (known) {
            case F32 -> 0;
            case BF16 -> 1;
            case INT8 -> 2;
            case INT4 -> 3;
        };
    }

    synchronized void close() {
        staging.free();
        plain.forEach((address, copy) -> gpu.free(copy.value(), 0));
        plain.clear();
        matrices.values()
                .forEach(copy -> gpu.free(copy.value().tiles(), copy.value().bytes()));
        matrices.clear();
    }
}
