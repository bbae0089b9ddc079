package org.sparkqwen.engine.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Precision;

/// The compiled kernels, on any machine: what they take of the device, and what the back-end says where it cannot run.
class CudaCodeTest {
    /// What the build's `nvcc` said of each kernel.
    private static final Path LOG = Path.of("target/cuda/ptxas.log");

    private static final Pattern KERNEL = Pattern.compile("Compiling entry function '(\\w+)'");
    private static final Pattern SPILLS =
            Pattern.compile("(\\d+) bytes stack frame, (\\d+) bytes spill stores, (\\d+) bytes spill loads");
    private static final Pattern REGISTERS = Pattern.compile("Used (\\d+) registers");

    /// The registers of a multiprocessor.
    private static final int ALL_REGISTERS = 65_536;

    @Test
    void kernelsSpillNoRegisters() throws IOException {
        assumeTrue(Files.exists(LOG), "no nvcc: the kernels were not compiled");
        Map<String, String> spills = new TreeMap<>();
        Map<String, Integer> registers = new HashMap<>();
        String kernel = "";
        for (String line : Files.readAllLines(LOG)) {
            Matcher entry = KERNEL.matcher(line);
            Matcher spill = SPILLS.matcher(line);
            Matcher used = REGISTERS.matcher(line);
            if (entry.find()) {
                kernel = entry.group(1);
            } else if (spill.find() && !line.contains("0 bytes stack frame, 0 bytes spill")) {
                spills.put(kernel, line.strip());
            } else if (used.find()) {
                registers.put(kernel, Integer.parseInt(used.group(1)));
            }
        }
        assertThat(registers).as("kernels in the log").hasSizeGreaterThan(30);
        assertThat(spills).isEmpty();
        registers.forEach((name, count) -> {
            if (name.startsWith("_Z7productILi0ELi128")) {
                assertThat(count * (2 * 128 + 32)).as(name).isLessThanOrEqualTo(ALL_REGISTERS);
            }
        });
    }

    @Test
    void otherPrecisionsAreRefusedByName() {
        KernelProvider provider = new CudaProvider();
        assertThat(provider.precisions()).containsExactlyInAnyOrder(Precision.FLOAT32, Precision.BFLOAT16);
        List<Precision> others = Arrays.stream(Precision.values())
                .filter(precision -> !provider.precisions().contains(precision))
                .toList();
        assertThat(others)
                .isNotEmpty()
                .allSatisfy(precision -> assertThat(provider.obstacle(precision))
                        .hasValue("the kernels for CUDA have no precision %s; they have float32 and bfloat16"
                                .formatted(precision)));
    }

    @Test
    void withoutDriverTheReasonIsOneLine() {
        KernelProvider provider = new CudaProvider();
        assumeTrue(Driver.obstacle().isPresent(), "there is a GPU");
        assertThat(provider.obstacle())
                .hasValueSatisfying(reason -> assertThat(reason)
                        .matches("this program was built without CUDA kernels; .*|.*NVIDIA driver.*")
                        .doesNotContain("\n"));
        assertThat(provider.devices()).isEmpty();
    }
}
