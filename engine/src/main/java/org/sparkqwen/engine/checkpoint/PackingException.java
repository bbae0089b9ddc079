package org.sparkqwen.engine.checkpoint;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import org.sparkqwen.engine.message.Quote;

/// Thrown if packed weights cannot be written. The message is one line for a person: where, and why not.
public final class PackingException extends IOException {
    private static final long serialVersionUID = 1L;

    public PackingException(String message) {
        super(message);
    }

    public PackingException(Path where, IOException cause) {
        super(Quote.line("%s: cannot be written: %s".formatted(where, reason(cause))), cause);
    }

    /// The reason of a failure in words, because Java's own messages often are a path and nothing else.
    public static String reason(IOException e) {
        return switch (e) {
            case AccessDeniedException denied -> "permission denied for " + denied.getFile();
            case FileAlreadyExistsException exists -> exists.getFile() + " exists";
            case FileSystemException named
            when named.getReason() != null -> "%s (%s)".formatted(named.getReason(), named.getFile());
            default -> String.valueOf(e.getMessage());
        };
    }
}
