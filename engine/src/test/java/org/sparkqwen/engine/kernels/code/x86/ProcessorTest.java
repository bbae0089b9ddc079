package org.sparkqwen.engine.kernels.code.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;

/// The back-end says in one line which ability the processor lacks.
class ProcessorTest {
    private static final String CPUINFO = """
        processor\t: 0
        flags\t\t: fpu sse2 avx avx2 fma avx512f avx512bw
        processor\t: 1
        flags\t\t: fpu
        """;

    @Test
    void abilitiesThatAreListedAreNoObstacle() {
        assertThat(Processor.obstacle(CPUINFO, Set.of("avx512f", "fma"))).isEmpty();
        assertThat(Processor.obstacle(CPUINFO, Set.of())).isEmpty();
    }

    @Test
    void theFirstAbilityThatIsMissingIsNamed() {
        assertThat(Processor.obstacle(CPUINFO, Set.of("avx512f", "avx512_vnni", "amx_tile")))
                .contains("the processor has no amx_tile");
        assertThat(Processor.obstacle(CPUINFO, Set.of("avx512"))).contains("the processor has no avx512");
        assertThat(Processor.obstacle("Features: asimd\n", Set.of("avx512f"))).contains("the processor has no avx512f");
    }
}
