package org.sparkqwen.job.storage;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Refusal;

/// The encoding of the locale, in which a process gets its arguments and names local files.
///
/// Without a locale, as in many containers, it is ASCII, and the JVM has a question mark in the place of each byte of
/// another letter. It would look for other files than those that are named, and create others.
///
/// @param charset the encoding, which the JVM takes from the locale when it starts
public record LocaleEncoding(Charset charset) {
    private static final String REMEDY = "set LC_ALL=C.UTF-8 before the command";

    /// Returns the encoding of this process.
    public static LocaleEncoding ofProcess() {
        return new LocaleEncoding(
                Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"), StandardCharsets.UTF_8));
    }

    /// Refuses an argument, or the name of a local file, that cannot be encoded.
    ///
    /// @param what what it is for a person, such as the option that has it
    public void refuseOthers(String what, String value) {
        if (!charset.newEncoder().canEncode(value)) {
            throw Refusal.usage("%s '%s' has letters that are not in %s, the encoding of the locale; %s"
                    .formatted(what, Quote.of(value), charset.name(), REMEDY));
        }
    }

    /// Returns a warning if letters of an argument may have been lost in the process that started this one, as
    /// `spark-submit` does. Each lost letter has left at least two question marks.
    public Optional<String> caution(String argument) {
        return charset.equals(StandardCharsets.US_ASCII) && argument.contains("??")
                ? Optional.of("if '??' in '%s' stands for letters that are not in %s, the encoding of the locale, %s"
                        .formatted(Quote.of(argument), charset.name(), REMEDY))
                : Optional.empty();
    }

    /// Says that the name of a local file cannot be decoded.
    public String undecoded(String name) {
        return "the name of '%s' is not in %s, the encoding of the locale; rename it, or %s"
                .formatted(Quote.of(name), charset.name(), REMEDY);
    }
}
