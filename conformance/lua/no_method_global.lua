function run() end
helper = print
