package org.sparkqwen.engine.kernels.code.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The [Assembler] encodes each instruction as the GNU assembler does.
///
/// `instructions.txt` has instructions in Intel's syntax and the bytes that version 2.40 of the GNU assembler made of
/// them: every vector register in every place, every general-purpose register as an operand, as a base and as an index,
/// and displacements on both sides of each change of encoding.
class AssemblerTest {
    private static final HexFormat HEX = HexFormat.ofDelimiter(" ");

    @Test
    void instructionsHaveTheBytesOfTheGnuAssembler() throws IOException {
        Map<String, String> expected = expected();
        assertThat(expected).hasSizeGreaterThan(1000);
        Map<String, String> encoded = new LinkedHashMap<>();
        for (String text : expected.keySet()) {
            encoded.put(text, HEX.formatHex(AssemblyText.encode(text)));
        }
        assertThat(encoded).isEqualTo(expected);
    }

    /// The checked-in bytes are those of an assembler, wherever there is one.
    @Test
    void theGnuAssemblerStillMakesTheseBytes(@TempDir Path directory) throws IOException, InterruptedException {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/as")), "no /usr/bin/as on this machine");
        Map<String, String> expected = expected();
        Path source = directory.resolve("instructions.s");
        Files.write(source, List.of(".intel_syntax noprefix", String.join("\n", expected.keySet()), ""));
        Path object = directory.resolve("instructions.o");
        run(List.of("/usr/bin/as", "-o", object.toString(), source.toString()));
        Path raw = directory.resolve("instructions.bin");
        run(List.of("/usr/bin/objcopy", "-O", "binary", "-j", ".text", object.toString(), raw.toString()));
        assertThat(HEX.formatHex(Files.readAllBytes(raw))).startsWith(String.join(" ", expected.values()));
    }

    @Test
    void jumpsReachLabelsBeforeAndAfterThem() {
        Assembler assembler = new Assembler();
        Label start = new Label();
        Label end = new Label();
        assembler.bind(start);
        assembler.sub(Gpr.RCX, 1);
        assembler.jump(Condition.EQUAL, end);
        assembler.jump(start);
        assembler.bind(end);
        assembler.jump(Condition.BELOW, end);
        assembler.ret();
        assertThat(HEX.formatHex(assembler.code()))
                .isEqualTo("48 83 e9 01 0f 84 05 00 00 00 e9 f1 ff ff ff 0f 82 fa ff ff ff c3");
        assertThatThrownBy(() -> assembler.bind(end)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void operandsThatDoNotExistAreRefused() {
        assertThatThrownBy(() -> new Zmm(32)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Ymm(16)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Mask(0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Address.at(Gpr.RAX, Gpr.RSP, 1, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Address.at(Gpr.RAX, Gpr.RCX, 3, 0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void vectorsOfTwoLengthsAreNotMixed() {
        Assembler assembler = new Assembler();
        Address one = Address.at(Gpr.RAX, 0).toAllLanes();
        assertThatThrownBy(() -> assembler.vaddps(new Ymm(0), new Ymm(1), new Zmm(2)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> assembler.vaddps(new Zmm(0), new Zmm(1), new Ymm(2)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> assembler.vaddps(new Ymm(0), new Ymm(1), one))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(assembler.size()).isZero();
    }

    private static Map<String, String> expected() throws IOException {
        Map<String, String> bytes = new LinkedHashMap<>();
        try (var in = AssemblerTest.class.getResourceAsStream("/machine-code/instructions.txt")) {
            String text = new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
            text.lines().map(line -> line.split(" = ")).forEach(parts -> bytes.put(parts[0], parts[1]));
        }
        return bytes;
    }

    private static void run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
    }
}
