# mailchute.fish - completion for fish; the options are those of src/cli/options.c

set -l both complete -c mailchute -c sendmail

$both -f
$both -s b -x -a 'm\t"send a message" s\t"speak SMTP" v\t"verify recipients" p\t"list the queue" i\t"check aliases" C\t"check the configuration"' -d 'What to do'
$both -s t -d 'Recipients from To, Cc and Bcc as well'
$both -s i -d 'A line of one dot does not end the message'
$both -s f -x -d 'Envelope sender'
$both -s r -x -d 'The same as -f'
$both -s F -x -d 'Full name for a From field that is made or rewritten'
$both -s L -x -d 'Name in the system log'
$both -s v -d 'Show the dialogue with the smart host'
$both -s q -d 'Run the queue once'
$both -s I -d 'The same as -bi'
$both -s o -x -a i -d 'Old options; i: the same as -i'
$both -s O -x -a 'requiretls=yes smtputf8=yes' -d 'Option=value'
$both -s N -x -a 'never success failure delay' -d 'When to report what became of the message'
$both -s R -x -a 'full hdrs' -d 'What a report returns'
$both -s V -x -d 'Envelope id, for reports'
$both -s B -x -a '8BITMIME 7BIT' -d 'Body type'
$both -s n -d 'No aliasing'

complete -c mailchute -s C -r -F -d 'Configuration file'
complete -c mailchute -l config -r -F -d 'Configuration file'
complete -c mailchute -l account -x -d 'Send by this account'
complete -c mailchute -l check -d 'Check configuration, keys and secrets; send nothing'
complete -c mailchute -l dry-run -d 'Print envelope and final message; send nothing'
complete -c mailchute -l version -d 'Print the version'
complete -c mailchute -l help -d 'Print the options'
